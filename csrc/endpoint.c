/*
 * The table of endpoints: every call of the service is one row.
 *
 * Adding a call is adding a row: URL building, origin check, limits and errors follow from it.
 *
 * Source: the Cloud Partner Portal API reference, "Cancel operation", "Publish an offer", "Go
 * live", "Retrieve operations", "Retrieve offers", "Retrieve a specific offer", "Retrieve offer
 * status":
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-overview
 * `publishers` and the filter by type are not in the reference; other clients of the service use
 * them (doc/partner-center.md). `token` is the client credentials grant of Microsoft Entra: by
 * scope the v2 endpoint, else the v1 endpoint.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 * `metadata` gets the token of a managed identity, with its URL as `authority_url` and the resource
 * as `scope`: from the instance metadata service, or from App Service.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity
 */
#include "lua_binding.h"

#include <string.h>

#define PUBLISHER "/api/publishers/{publisher}"
#define OFFER PUBLISHER "/offers/{offer}"
#define ONE_VERSION "[version?/versions/{version}][slot?/slot/{slot}]"
#define BY_STATUS "[status?&status={status}]"
#define OF_IDENTITY "&resource={scope}[client_id?&client_id={client_id}]"
#define BY_TYPE "[type?&%24filter=offerTypeId%20eq%20%27{type}%27]"

/* clang-format off */
static const struct lcpp_endpoint endpoints[] = {
  /* name          method     host                 path, query                                  versioned body */
  {"cancel",       LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/cancel", NULL,                       true,  LCPP_BODY_NOTIFICATION},
  {"publish",      LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/publish", NULL,                      true,  LCPP_BODY_METADATA},
  {"go_live",      LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/golive", NULL,                       true,  LCPP_BODY_NOTIFICATION},
  {"operation",    LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/operations/{operation_id}", NULL,    true,  LCPP_BODY_NONE},
  {"operations",   LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/submissions/", BY_STATUS,            true,  LCPP_BODY_NONE},
  {"publishers",   LCPP_GET,  LCPP_HOST_SERVICE,   "/api/publishers", NULL,                     true,  LCPP_BODY_NONE},
  {"offers",       LCPP_GET,  LCPP_HOST_SERVICE,   PUBLISHER "/offers", BY_TYPE,                true,  LCPP_BODY_NONE},
  {"offer",        LCPP_GET,  LCPP_HOST_SERVICE,   OFFER ONE_VERSION, NULL,                     true,  LCPP_BODY_NONE},
  {"offer_status", LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/status", NULL,                       true,  LCPP_BODY_NONE},
  {"location",     LCPP_GET,  LCPP_HOST_SERVICE,   NULL, NULL,                                  true,  LCPP_BODY_NONE},
  {"token",        LCPP_POST, LCPP_HOST_AUTHORITY, "/{tenant}/oauth2[scope?/v2.0]/token", NULL, false, LCPP_BODY_CREDENTIALS},
  {"metadata",     LCPP_GET,  LCPP_HOST_METADATA,  "", OF_IDENTITY,                             true,  LCPP_BODY_NONE},
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
