/*
 * The table of endpoints: every call of the service is one row.
 *
 * Adding a call is adding a row: URL building, origin check, limits and errors follow from it.
 *
 * Source: the Cloud Partner Portal API reference, "Cancel operation", "Publish an offer", "Go
 * live", "Retrieve operations", "Retrieve offers", "Retrieve the status of the offer":
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-overview
 * and, for `token`, the client credentials grant of Microsoft Entra (v1 endpoint):
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
#include "lua_binding.h"

#include <string.h>

#define PUBLISHER "/api/publishers/{publisher}"
#define OFFER PUBLISHER "/offers/{offer}"

/* clang-format off */
static const struct lcpp_endpoint endpoints[] = {
  /* name           method     host                 path                              filter versioned body */
  {"cancel",        LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/cancel",                  false, true,  LCPP_BODY_NOTIFICATION},
  {"publish",       LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/publish",                 false, true,  LCPP_BODY_NOTIFICATION},
  {"go_live",       LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/golive",                  false, true,  LCPP_BODY_NOTIFICATION},
  {"operation",     LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/operations/{operation_id}", false, true, LCPP_BODY_NONE},
  {"operations",    LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/submissions/",            true,  true,  LCPP_BODY_NONE},
  {"offers",        LCPP_GET,  LCPP_HOST_SERVICE,   PUBLISHER "/offers",              false, true,  LCPP_BODY_NONE},
  {"offer_status",  LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/status",                  false, true,  LCPP_BODY_NONE},
  {"location",      LCPP_GET,  LCPP_HOST_SERVICE,   NULL,                             false, true,  LCPP_BODY_NONE},
  {"token",         LCPP_POST, LCPP_HOST_AUTHORITY, "/{tenant}/oauth2/token",         false, false, LCPP_BODY_CREDENTIALS},
};
/* clang-format on */

enum { ENDPOINT_COUNT = sizeof endpoints / sizeof endpoints[0] };

const struct lcpp_endpoint *lcpp_endpoint_find(const char *name) {
  for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
    if (strcmp(endpoints[i].name, name) == 0) {
      return &endpoints[i];
    }
  }
  return NULL;
}

const struct lcpp_endpoint *lcpp_endpoint_at(size_t position) {
  return position < ENDPOINT_COUNT ? &endpoints[position] : NULL;
}
