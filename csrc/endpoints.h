/*
 * The table of endpoints: every call of the service is one row.
 *
 * Adding a call of the service is adding a row to endpoints.c: name, method, where it goes, its
 * path, its body. Everything else (URL building, origin check, limits, errors) follows from it.
 */
#ifndef LCPP_ENDPOINTS_H
#define LCPP_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>

enum lcpp_method { LCPP_GET, LCPP_POST };

/* Which of a client's two origins an endpoint belongs to. */
enum lcpp_host {
  LCPP_HOST_SERVICE,  /* base_url: the portal; gets the bearer token */
  LCPP_HOST_AUTHORITY /* authority_url: the token service; gets the client's secret */
};

enum lcpp_body {
  LCPP_BODY_NONE,
  LCPP_BODY_NOTIFICATION, /* {"metadata":{"notification-emails":"a,b"}}, or nothing */
  LCPP_BODY_CREDENTIALS   /* grant_type=client_credentials&... */
};

struct lcpp_endpoint {
  const char *name;
  enum lcpp_method method;
  enum lcpp_host host;
  const char *path; /* {option} stands for one percent-encoded segment; NULL: the `location`
                       option is the whole URL */
  bool filter;      /* whether the `status` option becomes a query parameter */
  bool versioned;   /* whether api-version is sent */
  enum lcpp_body body;
};

/* The endpoint of that name, or NULL. Static: never freed. */
const struct lcpp_endpoint *lcpp_endpoint_find(const char *name);

/* The endpoint at that place of the table, or NULL past its end. Static: never freed. */
const struct lcpp_endpoint *lcpp_endpoint_at(size_t index);

#endif
