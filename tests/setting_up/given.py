"""What tests of set-up look at in the directory of the local cloud."""

from mailer.local.cloud import seed

SECRET = seed.SECRET_NAME
DEVICE = ("--sign-in", "device-code")
MAILBOXES = ("--scope", "mailboxes", "shop@contoso.com")


def the_app(cloud):
    (application,) = cloud.directory()["applications"]
    return application


def roles(cloud):
    directory = cloud.directory()
    (principal,) = [one for one in directory["principals"] if one["app_id"] == the_app(cloud)["appId"]]
    return directory["roles"][principal["id"]]


def exchange(cloud):
    return {(one["role"], one["directory_scope"]) for one in cloud.directory()["exchange"]}


def mailbox_id(cloud, address):
    return next(box.object_id for box in cloud.mailboxes() if box.address == address)
