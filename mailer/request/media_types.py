"""Media types by the ending of a file's name: the same on every machine, whatever that machine's own table says.

The types of files that people attach, out of https://github.com/jshttp/mime-db (MIT), which collects those of IANA,
Apache and nginx; and a few that it lacks, as Microsoft and IANA name them.
"""

from collections.abc import Iterator

UNKNOWN = "application/octet-stream"

_TABLE = """
application/epub+zip epub
application/geo+json geojson
application/gpx+xml gpx
application/gzip gz tgz
application/java-archive jar war ear
application/json json map
application/jsonl jsonl ndjson
application/ld+json jsonld
application/msword doc dot
application/octet-stream bin dat exe dll msi iso dmg
application/onenote one onetoc2 onepkg
application/pdf pdf
application/pgp-encrypted pgp gpg
application/pgp-signature sig
application/pkcs10 p10 csr
application/pkcs7-mime p7m p7c
application/pkcs7-signature p7s
application/pkix-cert cer
application/pkix-crl crl
application/postscript ps eps ai
application/rss+xml rss
application/rtf rtf
application/sql sql
application/toml toml
application/vnd.android.package-archive apk
application/vnd.apache.parquet parquet
application/vnd.apple.keynote key
application/vnd.apple.numbers numbers
application/vnd.apple.pages pages
application/vnd.apple.pkpass pkpass
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.ms-excel xls xlt xla
application/vnd.ms-excel.addin.macroenabled.12 xlam
application/vnd.ms-excel.sheet.binary.macroenabled.12 xlsb
application/vnd.ms-excel.sheet.macroenabled.12 xlsm
application/vnd.ms-excel.template.macroenabled.12 xltm
application/vnd.ms-fontobject eot
application/vnd.ms-outlook msg
application/vnd.ms-powerpoint ppt pps pot
application/vnd.ms-powerpoint.presentation.macroenabled.12 pptm
application/vnd.ms-project mpp mpt
application/vnd.ms-word.document.macroenabled.12 docm
application/vnd.ms-word.template.macroenabled.12 dotm
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
application/vnd.openxmlformats-officedocument.presentationml.template potx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
application/vnd.rar rar
application/vnd.sqlite3 sqlite sqlite3
application/vnd.visio vsd vsdx vss vst
application/wasm wasm
application/x-7z-compressed 7z
application/x-bzip2 bz2 tbz2
application/x-compress z
application/x-msaccess mdb accdb
application/x-mspublisher pub
application/x-pkcs12 p12 pfx
application/x-sh sh
application/x-tar tar
application/x-x509-ca-cert crt der pem
application/x-xz xz txz
application/xhtml+xml xhtml xht
application/xml xml xsl xsd
application/xslt+xml xslt
application/yaml yaml yml
application/zip zip
application/zstd zst
audio/aac aac
audio/amr amr
audio/flac flac
audio/midi mid midi
audio/mp4 m4a
audio/mpeg mp3
audio/ogg ogg oga opus
audio/wav wav
audio/x-ms-wma wma
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/bmp bmp dib
image/emf emf
image/gif gif
image/heic heic
image/heif heif
image/jpeg jpg jpeg jpe jfif
image/jxl jxl
image/png png
image/svg+xml svg svgz
image/tiff tif tiff
image/vnd.adobe.photoshop psd
image/vnd.dwg dwg
image/vnd.dxf dxf
image/vnd.microsoft.icon ico
image/webp webp
image/wmf wmf
message/rfc822 eml mht mhtml
model/gltf-binary glb
model/step step stp
model/stl stl
text/calendar ics ifb
text/css css
text/csv csv
text/html html htm
text/javascript js mjs
text/markdown md markdown
text/plain txt log text conf ini cfg lst diff patch asc
text/tab-separated-values tsv
text/vcard vcf vcard
text/vtt vtt
video/3gpp 3gp
video/mp4 mp4 m4v
video/mpeg mpg mpeg
video/ogg ogv
video/quicktime mov qt
video/webm webm
video/x-matroska mkv
video/x-ms-wmv wmv
video/x-msvideo avi
"""


def _entries() -> Iterator[tuple[str, str]]:
    for line in _TABLE.split("\n"):
        media_type, *endings = line.split() or [""]
        yield from ((ending, media_type) for ending in endings)


_TYPES = dict(_entries())


def media_type_of(filename: str) -> str:
    """The type that the last ending of a file's name stands for, which says of `report.csv.gz` that it is gzip."""
    _, dot, ending = filename.rpartition(".")
    return _TYPES.get(ending.lower(), UNKNOWN) if dot else UNKNOWN
