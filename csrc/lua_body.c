/*
 * The body of a request: the addresses to notify, or the credentials of a token request.
 */
#include <stdint.h>
#include <string.h>

#include "characters.h"
#include "lua_binding.h"

static bool is_utf8(const char *text, size_t length) {
  uint32_t code = 0;
  size_t read = 1;
  for (size_t at = 0; at < length && read > 0; at += read) {
    read = lcpp_utf8_read(text + at, length - at, &code);
  }
  return read > 0;
}

static void append_text(struct lcpp_buffer *body, const char *text, size_t length) {
  lcpp_buffer_append(body, text, length, SIZE_MAX);
}

/* Appends a text without control characters as part of a JSON string (RFC 8259, section 7). */
static void append_quoted(struct lcpp_buffer *body, const char *text) {
  for (size_t plain = strcspn(text, "\"\\"); *text != '\0'; plain = strcspn(text, "\"\\")) {
    append_text(body, text, plain);
    text += plain;
    if (*text != '\0') {
      append_text(body, (const char[]){'\\', *text++}, 2);
    }
  }
}

/* Checks and appends the string on top: one address, or several separated by commas. No message
 * shows it. */
static void append_addresses(lua_State *L, struct lcpp_buffer *body, bool several,
                             lua_Integer position) {
  size_t length = 0;
  const char *text = lua_tolstring(L, -1, &length);
  const char *wrong = NULL;
  if (length == 0 || memchr(text, '@', length) == NULL) {
    wrong = "an e-mail address";
  } else if (!several && memchr(text, ',', length) != NULL) {
    wrong = "one e-mail address, without a comma";
  } else if (lcpp_has_control(text, length)) {
    wrong = "no control characters";
  } else if (!is_utf8(text, length)) {
    wrong = "UTF-8";
  }
  if (wrong != NULL && several) {
    lcpp_misuse(L, "emails: expected %s", wrong);
  } else if (wrong != NULL) {
    lcpp_misuse(L, "emails[%d]: expected %s", (int)position, wrong);
  }
  append_quoted(body, text);
}

/* Appends the addresses of the list at an index, with commas between them. */
static void append_list(lua_State *L, struct lcpp_buffer *body, int list) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  lua_Integer entries = 0;
  for (lua_pushnil(L); lua_next(L, list) != 0; lua_pop(L, 1)) {
    entries++;
  }
  if (entries != count) {
    lcpp_misuse(L, "emails: expected a list of strings, without holes or named fields");
  }
  for (lua_Integer i = 1; i <= count; i++) {
    if (lua_rawgeti(L, list, i) != LUA_TSTRING) {
      lcpp_misuse(L, "emails[%d]: expected a string, got %s", (int)i, luaL_typename(L, -1));
    }
    append_text(body, ",", i > 1);
    append_addresses(L, body, false, i);
    lua_pop(L, 1);
  }
}

/* {"metadata":{"notification-emails":"a,b"}}, not made by lua-cjson, which would keep a copy of the
 * addresses. Without addresses: nothing, or for publish {"metadata":{}}, as other clients of the
 * service send it. */
static void append_notification(lua_State *L, struct lcpp_buffer *body, enum lcpp_body kind,
                                const struct lcpp_value *emails) {
  static const char before[] = "{\"metadata\":{\"notification-emails\":\"";
  static const char empty[] = "{\"metadata\":{}}";
  append_text(body, before, sizeof before - 1);
  if (emails->given && lua_istable(L, emails->index)) {
    append_list(L, body, emails->index);
  } else if (emails->given) {
    lua_pushvalue(L, emails->index);
    append_addresses(L, body, true, 0);
    lua_pop(L, 1);
  }
  if (body->status == LCPP_BUFFER_OK && body->length == sizeof before - 1) {
    lcpp_buffer_clear(body);
    append_text(body, empty, kind == LCPP_BODY_METADATA ? sizeof empty - 1 : 0);
    return;
  }
  append_text(body, "\"}}", 3);
}

/* The resource of a token request without a scope: the service's own name, whatever base_url says.
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-prerequisites
 */
#define RESOURCE "https://cloudpartner.azure.com"

/* The longest form: percent-encoding triples the texts, whose lengths lua_options.c limits. */
_Static_assert(3 * (2 * LCPP_NAME_LIMIT + LCPP_SECRET_LIMIT) + 256 <= LCPP_URL_LIMIT,
               "credentials within their limits make a form within its own");

/* The assertion of a workload identity (RFC 7523, section 2.2): a JSON Web Token, which needs no
 * percent-encoding, and may be longer than a form with a secret. */
static void append_assertion(lua_State *L, struct lcpp_buffer *form,
                             const struct lcpp_value *assertion) {
  static const char before[] =
      "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
      "client-assertion-type%3Ajwt-bearer&client_assertion=";
  for (size_t i = 0; i < assertion->length; i++) {
    if (strchr("~+/=", assertion->text[i]) != NULL) {
      lcpp_misuse(L, "token: expected a JSON Web Token");
    }
  }
  append_text(form, before, sizeof before - 1);
  append_text(form, assertion->text, assertion->length);
}

/* The client credentials grant, as a form (RFC 6749, section 4.4.2). The escaped secret is never a
 * Lua string: it is in a buffer of the request, which is wiped after sending. */
static void append_credentials(lua_State *L, struct lcpp_buffer *form,
                               const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const struct lcpp_value *id = &values[LCPP_OPTION_CLIENT_ID];
  const struct lcpp_value *secret = &values[LCPP_OPTION_CLIENT_SECRET];
  const struct lcpp_value *assertion = &values[LCPP_OPTION_TOKEN];
  if (!id->given || (!secret->given && assertion->text == NULL)) {
    lcpp_misuse(L, "%s: expected a non-empty string, got nil",
                id->given ? "client_secret" : "client_id");
  }
  lcpp_url_append_field(form, "grant_type=client_credentials&client_id=", id->text, id->length);
  if (secret->given) {
    lcpp_url_append_field(form, "&client_secret=", secret->text, secret->length);
  }
  const struct lcpp_value *scope = &values[LCPP_OPTION_SCOPE];
  if (scope->given) {
    lcpp_url_append_field(form, "&scope=", scope->text, scope->length);
  } else {
    lcpp_url_append_field(form, "&resource=", RESOURCE, sizeof RESOURCE - 1);
  }
  if (!secret->given) {
    append_assertion(L, form, assertion);
  }
}

void lcpp_body_append(lua_State *L, struct lcpp_buffer *body, const struct lcpp_endpoint *endpoint,
                      const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  if (endpoint->body == LCPP_BODY_CREDENTIALS) {
    append_credentials(L, body, values);
  } else if (endpoint->body != LCPP_BODY_NONE) {
    append_notification(L, body, endpoint->body, &values[LCPP_OPTION_EMAILS]);
  }
  if (body->status != LCPP_BUFFER_OK) {
    luaL_error(L, "not enough memory");
  }
}
