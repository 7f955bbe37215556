/* The request's body: the notification of a publishing call, or the credentials of a token call. */
#include <string.h>

#include "lcpp.h"

/* Checks one address, or a comma separated string of them, without showing it. */
static void check_addresses(lua_State *L, const char *text, size_t length, bool several,
                            lua_Integer place) {
  const char *wrong = NULL;
  if (length == 0 || memchr(text, '@', length) == NULL) {
    wrong = "an e-mail address";
  } else if (!several && memchr(text, ',', length) != NULL) {
    wrong = "one e-mail address, without a comma";
  }
  for (size_t i = 0; i < length && wrong == NULL; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte == 0x7f) {
      wrong = "no control characters";
    }
  }
  if (wrong != NULL && several) {
    lcpp_misuse(L, "emails: expected %s", wrong);
  } else if (wrong != NULL) {
    lcpp_misuse(L, "emails[%d]: expected %s", (int)place, wrong);
  }
}

/* Pushes the addresses at an index as the ONE comma separated string that the service expects;
 * false, and nothing pushed, where there are none. */
static bool push_addresses(lua_State *L, int index) {
  lua_pushvalue(L, index);
  if (lua_isstring(L, -1)) {
    size_t length = 0;
    const char *text = lua_tolstring(L, -1, &length);
    check_addresses(L, text, length, true, 0);
    return true;
  }
  int list = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  lua_Integer entries = 0;
  for (lua_pushnil(L); lua_next(L, list) != 0; lua_pop(L, 1)) {
    entries++;
  }
  if (entries != count) {
    lcpp_misuse(L, "emails: expected a list of strings, without holes and names");
  }
  if (count == 1 && lua_rawgeti(L, list, 1) == LUA_TSTRING) {
    size_t length = 0; /* most often it is one: nothing to join */
    const char *text = lua_tolstring(L, -1, &length);
    check_addresses(L, text, length, false, 1);
    lua_remove(L, list);
    return true;
  }
  lua_settop(L, list);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, list, i) != LUA_TSTRING) {
      lcpp_misuse(L, "emails[%d]: expected a string, got %s", (int)i, luaL_typename(L, -1));
    }
    size_t length = 0;
    const char *text = lua_tolstring(L, -1, &length);
    check_addresses(L, text, length, false, i);
    luaL_addvalue(&buffer);
    if (i < count) {
      luaL_addlstring(&buffer, ",", 1);
    }
  }
  luaL_pushresult(&buffer);
  lua_remove(L, list);
  if (count == 0) {
    lua_pop(L, 1);
  }
  return count > 0;
}

/* Registry keys, by address: the addresses that were encoded last, and their body. A script that
 * cancels many offers notifies the same people about each. */
static const char last_addresses;
static const char last_body;

/* The names in the body; and how long the addresses may be beside them. */
#define NAMES "metadata notification-emails"
enum { MOST_ADDRESSES = LCPP_ENCODE_LIMIT - sizeof NAMES };

/* Pushes {"metadata":{"notification-emails":"a,b"}}; false, and nothing pushed, where nobody is to
 * be notified. */
static bool push_notification(lua_State *L, int index) {
  if (!push_addresses(L, index)) {
    return false;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &last_addresses);
  if (lua_rawequal(L, -1, -2) != 0) {
    lua_pop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &last_body);
    return true;
  }
  lua_pop(L, 1);
  size_t length = lua_rawlen(L, -1);
  if (length > MOST_ADDRESSES) {
    lcpp_misuse(L, "emails: expected fewer of them (16 MiB together at most)");
  }
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "notification-emails");
  lua_setfield(L, -2, "metadata");
  lcpp_json_encode(L, length + sizeof NAMES);
  /* First the body without its addresses, then the pair: memory may run out in between. */
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &last_addresses);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &last_body);
  lua_insert(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &last_addresses);
  return true;
}

/* The resource that a token is asked for: the service's own name, whatever base_url says.
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-prerequisites
 */
#define RESOURCE "https://cloudpartner.azure.com"

/* A form of one request is small, as a query would be: percent-encoding triples what options.c
 * holds to its limits. */
_Static_assert(3 * (LCPP_NAME_LIMIT + LCPP_SECRET_LIMIT) + 256 <= LCPP_URL_LIMIT,
               "credentials within their limits make a form within its own");

/* The client credentials grant, as a form (RFC 6749, section 4.4.2). The escaped secret is never a
 * Lua string: it goes to memory of the request, which is wiped when the request was sent. */
static void append_credentials(lua_State *L, struct lcpp_buf *form,
                               const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const struct lcpp_value *id = &values[LCPP_OPTION_CLIENT_ID];
  const struct lcpp_value *secret = &values[LCPP_OPTION_CLIENT_SECRET];
  if (!id->given || !secret->given) {
    lcpp_misuse(L, "%s: expected a non-empty string, got nil",
                id->given ? "client_secret" : "client_id");
  }
  lcpp_url_append_field(form, "grant_type=client_credentials&client_id=", id->text, id->length);
  lcpp_url_append_field(form, "&client_secret=", secret->text, secret->length);
  lcpp_url_append_field(form, "&resource=", RESOURCE, sizeof RESOURCE - 1);
  if (form->status != LCPP_BUF_OK) {
    luaL_error(L, "not enough memory");
  }
}

void lcpp_append_body(lua_State *L, struct lcpp_buf *body, const struct lcpp_endpoint *endpoint,
                      const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  if (endpoint->body == LCPP_BODY_CREDENTIALS) {
    append_credentials(L, body, values);
    return;
  }
  if (endpoint->body != LCPP_BODY_NOTIFICATION || !values[LCPP_OPTION_EMAILS].given ||
      !push_notification(L, values[LCPP_OPTION_EMAILS].place)) {
    return; /* an empty body is accepted: then nobody is notified */
  }
  size_t length = 0;
  const char *text = lua_tolstring(L, -1, &length);
  if (lcpp_buf_append(body, text, length, length) != LCPP_BUF_OK) {
    luaL_error(L, "not enough memory");
  }
  lua_pop(L, 1);
}
