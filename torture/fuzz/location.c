/*
 * Fuzz target: what a location says, resolved and checked by url.c: never a byte to another origin.
 *
 * Input: a byte that chooses the base URL, one that chooses the URL that was asked, and the location. Promises: what
 * is accepted for polling is of the base's origin as libcurl reads it, and as a judge reads it who shares no code with
 * it and takes the laxest reading that is in use (the WHATWG's URL standard); polling what was accepted gives the same
 * again; and the short way of resolving gives what the URL API gives.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
  const char *text, *scheme, *host, *port;
} bases[] = {
    {"https://cloudpartner.azure.com", "https", "cloudpartner.azure.com", "443"},
    {"https://cloudpartner.azure.com:8443/prefix/", "https", "cloudpartner.azure.com", "8443"},
    {"http://127.0.0.1:8080", "http", "127.0.0.1", "8080"},
    {"http://localhost", "http", "localhost", "80"},
    {"https://[2001:db8::1]:444", "https", "[2001:db8::1]", "444"},
};
enum { BASES = sizeof bases / sizeof bases[0] };

static const char *const paths[] = {"/api/publishers/contoso/offers/contoso-vm/cancel?api-version=2017-10-31", "/", "/a?b",
                                    "/a/../b"};
enum { PATHS = sizeof paths / sizeof paths[0] };

static void require(bool kept, const char *promise, const char *location, const char *url) {
  if (!kept) {
    fprintf(stderr, "%s\nlocation: %s\nurl: %s\n", promise, location, url != NULL ? url : "(none)");
    abort();
  }
}

/* The judge: the authority ends at the first slash of either kind, `?` or `#`; user information ends at its last `@`;
 * the port begins at the last colon that is not within brackets. */
static bool is_of(const char *url, size_t base) {
  size_t scheme = strlen(bases[base].scheme);
  if (strncasecmp(url, bases[base].scheme, scheme) != 0 || strncmp(url + scheme, "://", 3) != 0) {
    return false;
  }
  const char *host = url + scheme + 3;
  size_t length = strcspn(host, "/\\?#");
  size_t expected = strlen(bases[base].host);
  if (memchr(host, '@', length) != NULL || length < expected ||
      strncasecmp(host, bases[base].host, expected) != 0) {
    return false;
  }
  const char *rest = host + expected;
  size_t left = length - expected;
  bool usual = strcmp(bases[base].port, strcmp(bases[base].scheme, "https") == 0 ? "443" : "80") == 0;
  return left == 0 ? usual
                   : rest[0] == ':' && left - 1 == strlen(bases[base].port) &&
                         strncmp(rest + 1, bases[base].port, left - 1) == 0;
}

/* What libcurl itself will connect to when it is given the URL as text. */
static bool libcurl_agrees(const char *text, size_t base) {
  const struct {
    CURLUPart part;
    const char *expected;
  } parts[] = {{CURLUPART_SCHEME, bases[base].scheme}, {CURLUPART_HOST, bases[base].host}, {CURLUPART_PORT, bases[base].port}};
  CURLU *url = curl_url();
  char *got = NULL;
  bool same = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_USER, &got, 0) == CURLUE_NO_USER;
  for (size_t i = 0; same && i < sizeof parts / sizeof parts[0]; i++) {
    same = curl_url_get(url, parts[i].part, &got, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(got, parts[i].expected) == 0;
    curl_free(got);
  }
  curl_url_cleanup(url);
  return same;
}

static void check_poll(const struct lcpp_origin *base, size_t number, const char *location) {
  char *url = NULL;
  char *again = NULL;
  const char *why = NULL;
  if (lcpp_url_poll(base, location, "2017-10-31", &url, &why) != LCPP_URL_OK) {
    require(url == NULL && why != NULL, "a refusal without its reason", location, url);
    return;
  }
  require(is_of(url, number), "another origin, to the judge", location, url);
  require(libcurl_agrees(url, number), "another origin, to libcurl", location, url);
  require(strchr(url, '#') == NULL, "a fragment", location, url);
  const char *query = strchr(url, '?');
  require(query != NULL && strcasestr(query, "api-version") != NULL, "no api-version", location, url);
  for (const char *at = url; *at != '\0'; at++) {
    require((unsigned char)*at > 0x20 && (unsigned char)*at < 0x7f, "a character that no URI has", location, url);
  }
  require(lcpp_url_poll(base, url, "2017-10-31", &again, &why) == LCPP_URL_OK && strcmp(url, again) == 0,
          "another URL the second time", location, again);
  free(url);
  free(again);
}

/* Whether two URLs are the same but for the characters that no URI has, which `kept` has percent-encoded. */
static bool is_encoded(const char *kept, const char *plain) {
  static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=";
  for (; *plain != '\0'; plain++) {
    bool escape = plain[0] == '%' && isxdigit((unsigned char)plain[1]) && isxdigit((unsigned char)plain[2]);
    char expected[4] = {*plain, '\0', '\0', '\0'};
    if (!escape && strchr(legal, *plain) == NULL) {
      snprintf(expected, sizeof expected, "%%%02X", (unsigned char)*plain);
    }
    if (strncmp(kept, expected, strlen(expected)) != 0) {
      return false;
    }
    kept += strlen(expected);
  }
  return *kept == '\0';
}

static void check_resolve(const char *asked, const char *location) {
  char *resolved = NULL;
  if (lcpp_url_resolve(asked, location, &resolved) != LCPP_URL_OK) {
    require(resolved == NULL, "a URL that is none", location, resolved);
    return;
  }
  char *expected = NULL;
  CURLU *url = curl_url();
  if (curl_url_set(url, CURLUPART_URL, asked, 0) == CURLUE_OK &&
      curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
    curl_url_get(url, CURLUPART_URL, &expected, 0);
  }
  require(expected != NULL && is_encoded(resolved, expected), "the URL API resolves to another", location, resolved);
  curl_free(expected);
  curl_url_cleanup(url);
  require(strlen(resolved) <= LCPP_LOCATION_LIMIT, "too long to be polled", location, resolved);
  char *id = NULL;
  require(lcpp_url_operation_id(resolved, &id), "no memory", location, resolved);
  require(id == NULL || strstr(resolved, "/operations/") != NULL, "an id from nowhere", location, id);
  free(id);
  free(resolved);
}

/* Whether an origin is plain http to this machine. */
static bool is_loopback(const char *root) {
  return strncasecmp(root, "http://localhost:", 17) == 0 || strncmp(root, "http://127.", 11) == 0 ||
         strncmp(root, "http://[::1]:", 13) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) {
    return 0;
  }
  size_t number = data[0] % BASES;
  char *location = calloc(size - 1, 1);
  memcpy(location, data + 2, size - 2);
  struct lcpp_origin base;
  const char *why = NULL;
  if (lcpp_origin_parse(&base, LCPP_REACH_SERVICE, bases[number].text, &why) != LCPP_URL_OK) {
    abort();
  }
  check_poll(&base, number, location);
  char asked[256];
  snprintf(asked, sizeof asked, "%s%s", base.prefix, paths[data[1] % PATHS]);
  check_resolve(asked, location);
  lcpp_origin_free(&base);
  /* And as a base URL: whatever it is, it is accepted over https, or over http to loopback, or not at all. */
  if (lcpp_origin_parse(&base, LCPP_REACH_METADATA, location, &why) == LCPP_URL_OK) {
    require(is_loopback(base.root) || strncmp(base.root, "http://169.254.", 15) == 0, "metadata of another host", location, base.root);
    lcpp_origin_free(&base);
  }
  if (lcpp_origin_parse(&base, LCPP_REACH_SERVICE, location, &why) == LCPP_URL_OK) {
    require(!base.plain || is_loopback(base.root), "plain http to another host", location, base.root);
    require(base.plain == (strncmp(base.root, "http:", 5) == 0), "it says that it is plain", location, base.root);
    require(strchr(base.prefix, '@') == NULL || strcspn(base.prefix + 8, "/") < strcspn(base.prefix + 8, "@"),
            "user information", location, base.prefix);
    lcpp_origin_free(&base);
  }
  free(location);
  return 0;
}
