// What a mail's id tells.

/** When it was accepted: an id begins with the milliseconds since 1970, as RFC 9562 has it for version 7. */
export const acceptedAt = (id) => new Date(parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
