/*
 * URLs: building, resolving and comparing them, with libcurl's URL API.
 *
 * Two rules are implemented here. A request goes over https, or over plain http to loopback only;
 * one for the token of a managed identity goes over plain http to loopback or a link-local address.
 * The bearer token goes to one origin (scheme, host, effective port; RFC 6454): the location in a
 * response is resolved, and then compared, before anything connects.
 * https://curl.se/libcurl/c/libcurl-url.html
 */
#ifndef LCPP_URL_H
#define LCPP_URL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

enum lcpp_url_status {
  LCPP_URL_OK,
  LCPP_URL_INVALID, /* not a URL, or one that breaks a rule: see `why` */
  LCPP_URL_FOREIGN, /* a URL of another origin: it must not get the token */
  LCPP_URL_MEMORY
};

/* Limits in bytes. The parts of a URL within their limits make a URL within its own. */
enum {
  LCPP_URL_LIMIT = 8192,      /* what servers commonly accept as a request line */
  LCPP_LOCATION_LIMIT = 7168, /* of a location in a response: with api-version it is a URL */
  LCPP_BASE_LIMIT = 4096,     /* of a base URL */
  LCPP_NAME_LIMIT = 256       /* of a path segment or query value, before it is percent-encoded */
};

/* A base URL and its origin, parsed once. All zeros is a closed one. */
struct lcpp_origin {
  CURLU *url;   /* owned, as all of it: lcpp_origin_free */
  char *root;   /* "scheme://host:port", always with the port: what is connected to */
  char *prefix; /* origin and path as in base_url, without a slash at the end */
  bool plain;   /* http, which is allowed to loopback only */
};

/* Where the requests of a base URL may go. */
enum lcpp_reach {
  LCPP_REACH_SERVICE, /* https; plain http to loopback */
  LCPP_REACH_METADATA /* plain http to loopback or to a link-local address, 169.254.0.0/16 */
};

/* Parses and checks a base URL of at most LCPP_BASE_LIMIT bytes. On any failure *origin stays
 * closed, and *why is a static text that completes "expected ...". */
enum lcpp_url_status lcpp_origin_parse(struct lcpp_origin *origin, enum lcpp_reach reach,
                                       const char *text, const char **why);
void lcpp_origin_free(struct lcpp_origin *origin);

/* Resolves a location from a response against the URL that was requested (RFC 3986, section 5).
 * Characters that are not allowed in a URI are percent-encoded. A location that is then longer than
 * LCPP_LOCATION_LIMIT is invalid: none is truncated. The caller frees *url, which is NULL after a
 * failure. */
enum lcpp_url_status lcpp_url_resolve(const char *requested, const char *location, char **url);

/* Makes the URL to poll from a location: resolved against `origin`, of the same origin, without
 * user information or fragment, with `api_version` (at most LCPP_NAME_LIMIT bytes) if it has none,
 * and percent-encoded as above. The caller frees *url; after a failure *why is a static text. */
enum lcpp_url_status lcpp_url_poll(const struct lcpp_origin *origin, const char *location,
                                   const char *api_version, char **url, const char **why);

/* The path and query of a URL that the URL API wrote. Borrowed. */
const char *lcpp_url_target(const char *url);

/* The operation's id in a location of the form .../offers/<o>/operations/<id>, decoded; the caller
 * frees *id. NULL if it has characters other than letters, digits and -._~$: or if there is none,
 * as in /api/operations/contoso$contoso-offer$2$preview. Returns false if memory ran out. */
bool lcpp_url_operation_id(const char *location, char **id);

/* Appends one percent-encoded path segment or query value: a terminated text, whose length fits an
 * int. */
void lcpp_url_append_escaped(struct lcpp_buffer *buffer, const char *text, size_t length);

/* Appends `name` as it is ("&name=", for example), and a value, percent-encoded. */
void lcpp_url_append_field(struct lcpp_buffer *buffer, const char *name, const char *value,
                           size_t length);

#endif
