/* URLs: building, resolving and comparing them: see url.h. */
#include "url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Blanks, control characters and backslashes: libcurl's parser lets some of them pass, and other
 * parsers read them differently, which is how a host check is talked round. */
static bool has_unsafe_byte(const char *text) {
  static const char unsafe[] =
      "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
      "\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x7f\\";
  return text[strcspn(text, unsafe)] != '\0';
}

/* Loopback by number or by the one name that libcurl never asks a name server for (since 7.77,
 * "localhost" is hard-coded to 127.0.0.1 and ::1). The URL API has already written an IPv4
 * address in its one normal form. */
static bool is_loopback(const char *host) {
  if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) {
    return true;
  }
  struct in_addr address;
  return inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/* Whether a part is there, or may be: that memory ran out is not the word that it is absent. */
static bool has_part(CURLU *url, CURLUPart part) {
  char *value = NULL;
  CURLUcode code = curl_url_get(url, part, &value, 0);
  curl_free(value);
  return code == CURLUE_OK || code == CURLUE_OUT_OF_MEMORY;
}

static enum lcpp_url_status status_of(CURLUcode code) {
  return code == CURLUE_OUT_OF_MEMORY ? LCPP_URL_MEMORY : LCPP_URL_INVALID;
}

/* Reads scheme, host and effective port: what makes an origin. */
static CURLUcode read_origin(CURLU *url, char **scheme, char **host, char **port) {
  CURLUcode code = curl_url_get(url, CURLUPART_SCHEME, scheme, 0);
  if (code == CURLUE_OK) {
    code = curl_url_get(url, CURLUPART_HOST, host, 0);
  }
  if (code == CURLUE_OK) {
    code = curl_url_get(url, CURLUPART_PORT, port, CURLU_DEFAULT_PORT);
  }
  return code;
}

static enum lcpp_url_status check_base(struct lcpp_base *base, const char **why) {
  base->plain = strcasecmp(base->scheme, "http") == 0;
  if (!base->plain && strcasecmp(base->scheme, "https") != 0) {
    *why = "an https:// URL";
  } else if (base->plain && !is_loopback(base->host)) {
    *why = "an https:// URL (plain http:// goes to loopback only)";
  } else if (has_part(base->url, CURLUPART_USER) || has_part(base->url, CURLUPART_PASSWORD)) {
    *why = "a URL without user information";
  } else if (has_part(base->url, CURLUPART_QUERY) || has_part(base->url, CURLUPART_FRAGMENT)) {
    *why = "a URL without query and fragment";
  } else if (has_part(base->url, CURLUPART_ZONEID)) {
    *why = "a URL without an IPv6 zone";
  } else {
    return LCPP_URL_OK;
  }
  return LCPP_URL_INVALID;
}

static enum lcpp_url_status read_base(struct lcpp_base *base, const char *text, const char **why) {
  base->url = curl_url();
  if (base->url == NULL) {
    return LCPP_URL_MEMORY;
  }
  CURLUcode code = curl_url_set(base->url, CURLUPART_URL, text, 0);
  if (code == CURLUE_OK) {
    code = read_origin(base->url, &base->scheme, &base->host, &base->port);
  }
  if (code == CURLUE_OK) {
    code = curl_url_get(base->url, CURLUPART_URL, &base->prefix, 0);
  }
  if (code != CURLUE_OK) {
    *why = "an absolute https:// URL";
    return status_of(code);
  }
  size_t length = strlen(base->prefix);
  while (base->prefix[length - 1] == '/') {
    base->prefix[--length] = '\0';
  }
  return check_base(base, why);
}

enum lcpp_url_status lcpp_base_parse(struct lcpp_base *base, const char *text, const char **why) {
  *base = (struct lcpp_base){0};
  if (has_unsafe_byte(text)) {
    *why = "an https:// URL without blanks, control characters and backslashes";
    return LCPP_URL_INVALID;
  }
  enum lcpp_url_status status = read_base(base, text, why);
  if (status != LCPP_URL_OK) {
    lcpp_base_free(base);
  }
  return status;
}

void lcpp_base_free(struct lcpp_base *base) {
  curl_url_cleanup(base->url);
  curl_free(base->scheme);
  curl_free(base->host);
  curl_free(base->port);
  curl_free(base->prefix);
  *base = (struct lcpp_base){0};
}

/* A copy that the caller frees with free, of a string that libcurl frees with curl_free. */
static char *take(char *text) {
  char *copy = text != NULL ? strdup(text) : NULL;
  curl_free(text);
  return copy;
}

/* Reads the whole URL, for free. */
static enum lcpp_url_status read_whole(CURLU *url, char **text) {
  char *whole = NULL;
  CURLUcode code = curl_url_get(url, CURLUPART_URL, &whole, 0);
  *text = take(whole);
  return code != CURLUE_OK ? status_of(code) : *text != NULL ? LCPP_URL_OK : LCPP_URL_MEMORY;
}

/* The unreserved characters of RFC 3986, section 2.3. */
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

/* For short texts: strspn makes a table of its characters first. */
static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/* The length of "scheme://host:port" in a URL that the URL API wrote. */
static size_t origin_length(const char *url) {
  const char *host = strstr(url, "://");
  return host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* Whether a reference is an absolute path, in characters that no parser changes, without the dot
 * segments and the empty query that resolving removes. */
static bool is_plain_path(const char *reference) {
  size_t length = strspn(reference, UNRESERVED "/?=&$");
  return reference[0] == '/' && reference[1] != '/' && reference[length] == '\0' &&
         reference[length - 1] != '?' && strstr(reference, "/.") == NULL;
}

/* Resolves the two references that this service sends, a path or a URL of the very origin asked,
 * without taking them apart: in either case the result is the origin and the path. That it is
 * what the URL API makes of them, spec/core/url_spec.lua holds against it. NULL: any other. */
static char *resolve_plain(const char *asked, const char *location) {
  size_t origin = origin_length(asked);
  const char *path = strncmp(location, asked, origin) == 0 ? location + origin : location;
  if (origin == 0 || !is_plain_path(path)) {
    return NULL;
  }
  size_t length = strlen(path);
  char *resolved = malloc(origin + length + 1);
  if (resolved != NULL) {
    memcpy(resolved, asked, origin);
    memcpy(resolved + origin, path, length + 1);
  }
  return resolved;
}

enum lcpp_url_status lcpp_url_resolve(const char *asked, const char *location, char **text) {
  *text = NULL;
  if (location[0] == '\0' || strlen(location) > LCPP_URL_LIMIT || has_unsafe_byte(location)) {
    return LCPP_URL_INVALID;
  }
  *text = resolve_plain(asked, location);
  if (*text != NULL) {
    return LCPP_URL_OK;
  }
  CURLU *url = curl_url();
  if (url == NULL) {
    return LCPP_URL_MEMORY;
  }
  CURLUcode code = curl_url_set(url, CURLUPART_URL, asked, 0);
  if (code == CURLUE_OK) {
    code = curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME);
  }
  enum lcpp_url_status status = code == CURLUE_OK ? read_whole(url, text) : status_of(code);
  curl_url_cleanup(url);
  return status;
}

static bool same_origin(const struct lcpp_base *base, CURLU *url) {
  char *scheme = NULL;
  char *host = NULL;
  char *port = NULL;
  bool same = read_origin(url, &scheme, &host, &port) == CURLUE_OK &&
              strcasecmp(base->scheme, scheme) == 0 && strcasecmp(base->host, host) == 0 &&
              strcmp(base->port, port) == 0;
  /* A zone makes a link-local address another host, and the host part is without it; no base
   * URL has one. */
  same = same && !has_part(url, CURLUPART_ZONEID);
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  return same;
}

/* Whether the query has a parameter of that name, written in any case. */
static bool has_parameter(const char *query, const char *name) {
  size_t length = strlen(name);
  for (const char *at = query; at != NULL; at = strchr(at, '&')) {
    at += *at == '&';
    if (strncasecmp(at, name, length) == 0 &&
        (at[length] == '=' || at[length] == '&' || at[length] == '\0')) {
      return true;
    }
  }
  return false;
}

/* Form 1 of the documented locations comes without api-version; the service demands one. */
static CURLUcode add_version(CURLU *url, const char *api_version) {
  char *query = NULL;
  bool versioned = curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK &&
                   has_parameter(query, "api-version");
  curl_free(query);
  if (versioned) {
    return CURLUE_OK;
  }
  struct lcpp_buf parameter = {0};
  lcpp_url_append_field(&parameter, "api-version=", api_version, strlen(api_version));
  CURLUcode code = lcpp_buf_append(&parameter, "", 1, LCPP_URL_LIMIT) == LCPP_BUF_OK
                       ? curl_url_set(url, CURLUPART_QUERY, parameter.data, CURLU_APPENDQUERY)
                       : CURLUE_OUT_OF_MEMORY;
  lcpp_buf_free(&parameter);
  return code;
}

/* The checks of lcpp_url_poll on a URL handle that the caller owns. */
static enum lcpp_url_status read_location(CURLU *url, const struct lcpp_base *base,
                                          const char *location, const char *api_version,
                                          char **text, const char **why) {
  /* Other schemes are let through the parser so that they are refused as foreign. */
  CURLUcode code = curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) {
    *why = "it is no URL";
    return status_of(code);
  }
  if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
    *why = "it holds user information";
    return LCPP_URL_FOREIGN;
  }
  if (!same_origin(base, url)) {
    *why = "it is not of the origin of base_url";
    return LCPP_URL_FOREIGN;
  }
  curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0); /* taking a part away cannot fail */
  *why = "it is no URL";
  code = add_version(url, api_version);
  return code == CURLUE_OK ? read_whole(url, text) : status_of(code);
}

enum lcpp_url_status lcpp_url_poll(const struct lcpp_base *base, const char *location,
                                   const char *api_version, char **text, const char **why) {
  *text = NULL;
  if (strlen(location) > LCPP_URL_LIMIT) {
    *why = "it is too long";
    return LCPP_URL_INVALID;
  }
  if (has_unsafe_byte(location)) {
    *why = "it holds blanks, control characters or backslashes";
    return LCPP_URL_INVALID;
  }
  CURLU *url = curl_url_dup(base->url);
  if (url == NULL) {
    return LCPP_URL_MEMORY;
  }
  enum lcpp_url_status status = read_location(url, base, location, api_version, text, why);
  curl_url_cleanup(url);
  return status;
}

void lcpp_url_append_escaped(struct lcpp_buf *buf, const char *text, size_t length) {
  size_t plain = 0;
  while (plain < length && is_unreserved(text[plain])) {
    plain++;
  }
  /* Most identifiers are plain. Nothing at all is, too: curl_easy_escape would take a length of 0
   * for "call strlen". */
  if (plain == length) {
    lcpp_buf_append(buf, text, length, LCPP_URL_LIMIT);
    return;
  }
  char *escaped = curl_easy_escape(NULL, text, (int)length);
  if (escaped == NULL) {
    buf->status = LCPP_BUF_MEMORY;
    return;
  }
  lcpp_buf_append(buf, escaped, strlen(escaped), LCPP_URL_LIMIT);
  curl_free(escaped);
}

void lcpp_url_append_field(struct lcpp_buf *buf, const char *name, const char *value,
                           size_t length) {
  lcpp_buf_append(buf, name, strlen(name), LCPP_URL_LIMIT);
  lcpp_url_append_escaped(buf, value, length);
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
  if (length == 0) {
    return true; /* libcurl would take it for "call strlen" */
  }
  *id = curl_easy_unescape(NULL, encoded, (int)length, NULL);
  return *id != NULL;
}
