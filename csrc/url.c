/* URLs: building, resolving and comparing them: see url.h. */
#include "url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "characters.h"

/* Blanks, control characters and backslashes: libcurl accepts some of them, and other parsers read
 * them differently, which would defeat a check of the host. */
static bool has_unsafe_byte(const char *text) {
  static const char unsafe[] =
      "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
      "\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x7f\\";
  return text[strcspn(text, unsafe)] != '\0';
}

/* Whether a host is an IPv4 address that begins with these bits. The URL API has normalised it. */
static bool is_within(const char *host, uint32_t prefix, int bits) {
  struct in_addr address;
  return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> (32 - bits) == prefix;
}

/* Loopback: an address, or "localhost", which libcurl never resolves by DNS (since 7.77). */
static bool is_loopback(const char *host) {
  return lcpp_is_same(host, "localhost") || strcmp(host, "[::1]") == 0 || is_within(host, 127, 8);
}

static bool is_link_local(const char *host) {
  return is_within(host, 169 << 8 | 254, 16);
}

static enum lcpp_url_status status_of(CURLUcode code) {
  return code == CURLUE_OUT_OF_MEMORY ? LCPP_URL_MEMORY : LCPP_URL_INVALID;
}

/* The length of "scheme://host:port" in a URL that the URL API wrote. */
static size_t origin_length(const char *url) {
  const char *host = strstr(url, "://");
  return host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

const char *lcpp_url_target(const char *url) {
  return url + origin_length(url);
}

static bool has_scheme(const char *url, const char *scheme) {
  return lcpp_is_same_to(url, scheme, strlen(scheme));
}

/* The expected base URL, for the message, if requests may not go to this one; else NULL. */
static const char *check_reach(const struct lcpp_origin *origin, const char *host,
                               enum lcpp_reach reach) {
  bool loopback = is_loopback(host);
  if (reach == LCPP_REACH_METADATA) {
    bool allowed = origin->plain && (loopback || is_link_local(host));
    return allowed ? NULL
                   : "an http:// URL of loopback or of a link-local address (169.254.0.0/16)";
  }
  if (!origin->plain && !has_scheme(origin->root, "https://")) {
    return "an https:// URL";
  }
  return origin->plain && !loopback ? "an https:// URL (plain http:// goes to loopback only)"
                                    : NULL;
}

static enum lcpp_url_status check_origin(struct lcpp_origin *origin, enum lcpp_reach reach,
                                         const char *text, const char **why) {
  char *host = NULL;
  CURLUcode code = curl_url_get(origin->url, CURLUPART_HOST, &host, 0);
  if (code != CURLUE_OK) { /* as in file:///, which has none */
    *why = "an absolute https:// URL";
    return status_of(code);
  }
  origin->plain = has_scheme(origin->root, "http://");
  *why = check_reach(origin, host, reach);
  curl_free(host);
  if (*why != NULL) {
    return LCPP_URL_INVALID;
  }
  if (strchr(origin->root, '@') != NULL) {
    *why = "a URL without user information";
  } else if (strpbrk(text, "?#") != NULL) {
    *why = "a URL without query and fragment";
  } else if (strchr(origin->root, '%') != NULL) {
    *why = "a URL without an IPv6 zone";
  } else {
    return LCPP_URL_OK;
  }
  return LCPP_URL_INVALID;
}

static enum lcpp_url_status read_base_url(struct lcpp_origin *origin, enum lcpp_reach reach,
                                          const char *text, const char **why) {
  origin->url = curl_url();
  if (origin->url == NULL) {
    return LCPP_URL_MEMORY;
  }
  CURLUcode code = curl_url_set(origin->url, CURLUPART_URL, text, 0);
  if (code == CURLUE_OK) {
    code = curl_url_get(origin->url, CURLUPART_URL, &origin->prefix, 0);
  }
  if (code == CURLUE_OK) {
    code = curl_url_get(origin->url, CURLUPART_URL, &origin->root, CURLU_DEFAULT_PORT);
  }
  if (code != CURLUE_OK) {
    *why = "an absolute https:// URL";
    return status_of(code);
  }
  origin->root[origin_length(origin->root)] = '\0';
  size_t length = strlen(origin->prefix);
  while (origin->prefix[length - 1] == '/') {
    origin->prefix[--length] = '\0';
  }
  return check_origin(origin, reach, text, why);
}

enum lcpp_url_status lcpp_origin_parse(struct lcpp_origin *origin, enum lcpp_reach reach,
                                       const char *text, const char **why) {
  *origin = (struct lcpp_origin){0};
  if (has_unsafe_byte(text)) {
    *why = "an https:// URL without blanks, control characters and backslashes";
    return LCPP_URL_INVALID;
  }
  enum lcpp_url_status status = read_base_url(origin, reach, text, why);
  if (status != LCPP_URL_OK) {
    lcpp_origin_free(origin);
  }
  return status;
}

void lcpp_origin_free(struct lcpp_origin *origin) {
  curl_url_cleanup(origin->url);
  curl_free(origin->root);
  curl_free(origin->prefix);
  *origin = (struct lcpp_origin){0};
}

/* Whether this byte is allowed in a URI (RFC 3986, section 2). */
static bool is_of_uri(const char *at) {
  if (*at == '%') {
    return lcpp_hex_value(at[1]) >= 0 && lcpp_hex_value(at[2]) >= 0;
  }
  return lcpp_is_of(*at, LCPP_URI);
}

/* Reads the whole URL, with characters that are not allowed in a URI percent-encoded: libcurl
 * leaves them. The caller frees it. Invalid if it is then longer than `limit`. */
static enum lcpp_url_status read_whole(CURLU *url, size_t limit, char **text) {
  char *whole = NULL;
  CURLUcode code = curl_url_get(url, CURLUPART_URL, &whole, 0);
  if (code != CURLUE_OK) {
    return status_of(code);
  }
  struct lcpp_buffer encoded = {0};
  for (const char *at = whole; *at != '\0'; at++) {
    if (is_of_uri(at)) {
      lcpp_buffer_append(&encoded, at, 1, limit);
    } else {
      lcpp_url_append_escaped(&encoded, at, 1);
    }
  }
  curl_free(whole);
  lcpp_buffer_append(&encoded, "", 1, limit + 1);
  enum lcpp_buffer_status status = encoded.status;
  if (status != LCPP_BUFFER_OK) {
    lcpp_buffer_free(&encoded);
  }
  *text = encoded.data; /* the caller frees it */
  return status == LCPP_BUFFER_OK      ? LCPP_URL_OK
         : status == LCPP_BUFFER_LIMIT ? LCPP_URL_INVALID
                                       : LCPP_URL_MEMORY;
}

/* Whether a reference is an absolute path, in characters that no parser changes, without the dot
 * segments and the empty query that resolving removes. */
static bool is_plain_path(const char *reference) {
  size_t length = 0;
  while (lcpp_is_of(reference[length], LCPP_PATH)) {
    length++;
  }
  return reference[0] == '/' && reference[1] != '/' && reference[length] == '\0' &&
         reference[length - 1] != '?' && strstr(reference, "/.") == NULL;
}

/* Resolves the two references that this service sends, an absolute path or a URL of the requested
 * origin (the first `origin` bytes), without parsing them: the result is the origin and the path.
 * spec/core/url_spec.lua compares it with what the URL API makes of them. NULL for any other
 * reference. */
static char *resolve_plain(const char *requested, size_t origin, const char *location) {
  const char *path = strncmp(location, requested, origin) == 0 ? location + origin : location;
  if (origin == 0 || !is_plain_path(path)) {
    return NULL;
  }
  size_t length = strlen(path);
  char *resolved = malloc(origin + length + 1);
  if (resolved != NULL) {
    memcpy(resolved, requested, origin);
    memcpy(resolved + origin, path, length + 1);
  }
  return resolved;
}

enum lcpp_url_status lcpp_url_resolve(const char *requested, const char *location, char **text) {
  *text = NULL;
  size_t length = strlen(location);
  size_t origin = origin_length(requested);
  if (length == 0 || length > LCPP_LOCATION_LIMIT) {
    return LCPP_URL_INVALID;
  }
  if (length + origin <= LCPP_LOCATION_LIMIT) {
    *text = resolve_plain(requested, origin, location);
  }
  if (*text != NULL) {
    return LCPP_URL_OK;
  }
  if (has_unsafe_byte(location)) {
    return LCPP_URL_INVALID;
  }
  CURLU *url = curl_url();
  if (url == NULL) {
    return LCPP_URL_MEMORY;
  }
  CURLUcode code = curl_url_set(url, CURLUPART_URL, requested, 0);
  if (code == CURLUE_OK) {
    code = curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME);
  }
  enum lcpp_url_status status =
      code == CURLUE_OK ? read_whole(url, LCPP_LOCATION_LIMIT, text) : status_of(code);
  curl_url_cleanup(url);
  return status;
}

/* Whether a URL has the origin, including the zone of an IPv6 address; if not, *why is the
 * reason. */
static bool is_of_origin(CURLU *url, const struct lcpp_origin *origin, const char **why) {
  char *whole = NULL;
  CURLUcode code = curl_url_get(url, CURLUPART_URL, &whole, CURLU_DEFAULT_PORT);
  size_t length = code == CURLUE_OK ? origin_length(whole) : 0;
  bool has_user = length > 0 && memchr(whole, '@', length) != NULL;
  bool same = length == strlen(origin->root) && lcpp_is_same_to(whole, origin->root, length);
  curl_free(whole);
  *why = has_user ? "the location is refused: it has user information"
                  : "the location is refused: its origin is not that of base_url";
  return same;
}

/* Whether the query has a parameter of that name, written in any case. */
static bool has_parameter(const char *query, const char *name) {
  size_t length = strlen(name);
  for (const char *at = query; at != NULL; at = strchr(at, '&')) {
    at += *at == '&';
    if (lcpp_is_same_to(at, name, length) &&
        (at[length] == '=' || at[length] == '&' || at[length] == '\0')) {
      return true;
    }
  }
  return false;
}

/* The documented Operation-Location has no api-version, which the service requires. */
static CURLUcode add_version(CURLU *url, const char *api_version) {
  char *query = NULL;
  bool versioned = curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK &&
                   has_parameter(query, "api-version");
  curl_free(query);
  if (versioned) {
    return CURLUE_OK;
  }
  struct lcpp_buffer parameter = {0};
  lcpp_url_append_field(&parameter, "api-version=", api_version, strlen(api_version));
  CURLUcode code = lcpp_buffer_append(&parameter, "", 1, LCPP_URL_LIMIT) == LCPP_BUFFER_OK
                       ? curl_url_set(url, CURLUPART_QUERY, parameter.data, CURLU_APPENDQUERY)
                       : CURLUE_OUT_OF_MEMORY;
  lcpp_buffer_free(&parameter);
  return code;
}

/* The checks of lcpp_url_poll on a URL handle that the caller owns. */
static enum lcpp_url_status read_location(CURLU *url, const struct lcpp_origin *origin,
                                          const char *location, const char *api_version,
                                          char **text, const char **why) {
  /* The parser accepts other schemes, so that they are refused as foreign. */
  CURLUcode code = curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    *why = "the location is refused: it is not a URL";
    return status_of(code);
  }
  if (!is_of_origin(url, origin, why)) {
    return LCPP_URL_FOREIGN;
  }
  curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0); /* removing a part cannot fail */
  *why = "the location is refused: it is too long";
  code = add_version(url, api_version);
  return code == CURLUE_OK ? read_whole(url, LCPP_URL_LIMIT, text) : status_of(code);
}

enum lcpp_url_status lcpp_url_poll(const struct lcpp_origin *origin, const char *location,
                                   const char *api_version, char **text, const char **why) {
  *text = NULL;
  if (strlen(location) > LCPP_URL_LIMIT) {
    *why = "the location is refused: it is too long";
    return LCPP_URL_INVALID;
  }
  if (has_unsafe_byte(location)) {
    *why = "the location is refused: it has blanks, control characters or backslashes";
    return LCPP_URL_INVALID;
  }
  CURLU *url = curl_url_dup(origin->url);
  if (url == NULL) {
    return LCPP_URL_MEMORY;
  }
  enum lcpp_url_status status = read_location(url, origin, location, api_version, text, why);
  curl_url_cleanup(url);
  return status;
}

/* Percent-encodes here rather than with curl_easy_escape, which makes a copy of a secret that
 * libcurl frees without wiping. */
void lcpp_url_append_escaped(struct lcpp_buffer *buffer, const char *text, size_t length) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < length;) {
    size_t plain = i;
    while (plain < length && lcpp_is_of(text[plain], LCPP_UNRESERVED)) {
      plain++;
    }
    lcpp_buffer_append(buffer, text + i, plain - i, LCPP_URL_LIMIT);
    if (plain < length) {
      unsigned char byte = (unsigned char)text[plain++];
      char escaped[] = {'%', digits[byte >> 4], digits[byte & 0x0f]};
      lcpp_buffer_append(buffer, escaped, sizeof escaped, LCPP_URL_LIMIT);
    }
    i = plain;
  }
}

void lcpp_url_append_field(struct lcpp_buffer *buffer, const char *name, const char *value,
                           size_t length) {
  lcpp_buffer_append(buffer, name, strlen(name), LCPP_URL_LIMIT);
  lcpp_url_append_escaped(buffer, value, length);
}

/* Whether a segment is an identifier, which needs no escaping anywhere. */
static bool is_identifier(const char *id, size_t length) {
  bool has_other = false; /* than dots */
  for (size_t i = 0; i < length; i++) {
    if (!lcpp_is_of(id[i], LCPP_UNRESERVED) && id[i] != '$' && id[i] != ':') {
      return false;
    }
    has_other = has_other || id[i] != '.';
  }
  return has_other && length <= LCPP_NAME_LIMIT;
}

bool lcpp_url_operation_id(const char *location, char **id) {
  static const char segment[] = "/operations/";
  const char *offers = strstr(location, "/offers/");
  const char *found = offers != NULL ? strstr(offers, segment) : NULL;
  *id = NULL;
  if (found == NULL) {
    return true;
  }
  const char *encoded = found + sizeof segment - 1;
  size_t length = strcspn(encoded, "/?#");
  if (is_identifier(encoded, length)) {
    *id = strndup(encoded, length);
    return *id != NULL;
  }
  if (length == 0) {
    return true; /* libcurl would call strlen */
  }
  int decoded_length = 0;
  char *decoded = curl_easy_unescape(NULL, encoded, (int)length, &decoded_length);
  if (decoded == NULL) {
    return false;
  }
  bool usable = is_identifier(decoded, (size_t)decoded_length);
  *id = usable ? strdup(decoded) : NULL;
  curl_free(decoded);
  return !usable || *id != NULL;
}
