/* core.client: the userdata that owns one engine. doc/inside.md has the rules of ownership. */
#include <math.h>
#include <string.h>

#include "lua_binding.h"

#define DEFAULT_BASE_URL "https://cloudpartner.azure.com"
#define DEFAULT_AUTHORITY_URL "https://login.microsoftonline.com"
#define DEFAULT_API_VERSION "2017-10-31"
#define DEFAULT_USER_AGENT "lua-cpp"

enum {
  DEFAULT_TIMEOUT_MS = 300000, /* a GET of the service may take minutes */
  DEFAULT_CONNECT_TIMEOUT_MS = 30000,
  DEFAULT_MAX_RESPONSE_BYTES = 4 * 1024 * 1024
};

static struct lcpp_client *to_client(lua_State *L) {
  return lcpp_to_object(L, LCPP_CLIENT);
}

static void destroy(struct lcpp_client *client) {
  struct lcpp_engine *engine = client->engine;
  client->engine = NULL;
  client->checked_token = NULL;
  lcpp_engine_free(engine);
  lcpp_origin_free(&client->service);
  lcpp_origin_free(&client->authority);
}

/* close, and __close. */
static int client_close(lua_State *L) {
  destroy(to_client(L));
  for (int i = 1; i <= LCPP_CLIENT_USER_VALUES; i++) {
    lua_pushnil(L);
    lua_setiuservalue(L, 1, i);
  }
  return 0;
}

static int client__gc(lua_State *L) {
  destroy(to_client(L));
  return 0;
}

static int client__tostring(lua_State *L) {
  struct lcpp_client *client = to_client(L);
  if (client->engine == NULL) {
    lua_pushliteral(L, "cpp.client (closed)");
  } else {
    lua_pushfstring(L, "cpp.client (%d running)", (int)lcpp_engine_running(client->engine));
  }
  return 1;
}

static const char *text_or(const struct lcpp_value *value, const char *otherwise) {
  return value->given ? value->text : otherwise;
}

static size_t bytes_or(const struct lcpp_value *value, size_t otherwise) {
  return value->given ? (size_t)value->number : otherwise;
}

/* Keeps the strings that the client's fields point to in its second user value, because the caller
 * may remove them from the table of options later. */
static void hold_strings(lua_State *L, const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  lua_newtable(L);
  for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
    bool secret = i == LCPP_OPTION_TOKEN || i == LCPP_OPTION_CLIENT_SECRET;
    if (values[i].text != NULL && !secret) {
      lua_pushvalue(L, values[i].index);
      lua_rawseti(L, -2, i + 1);
    }
  }
  lcpp_hide_top(L);
  lua_setiuservalue(L, -2, LCPP_CLIENT_STRINGS);
}

int lcpp_core_client(lua_State *L) {
  struct lcpp_value values[LCPP_OPTION_COUNT];
  lua_settop(L, 1);
  lcpp_options_read(L, 1, LCPP_OF_CLIENT, values);
  struct lcpp_client *client = lua_newuserdatauv(L, sizeof *client, LCPP_CLIENT_USER_VALUES);
  *client = (struct lcpp_client){0};
  luaL_setmetatable(L, LCPP_CLIENT);
  lua_newtable(L);
  lua_setiuservalue(L, -2, LCPP_CLIENT_REQUESTS);
  hold_strings(L, values);
  lcpp_read_origin(L, &client->service, LCPP_REACH_SERVICE, "base_url",
                   text_or(&values[LCPP_OPTION_BASE_URL], DEFAULT_BASE_URL));
  lcpp_read_origin(L, &client->authority, LCPP_REACH_SERVICE, "authority_url",
                   text_or(&values[LCPP_OPTION_AUTHORITY_URL], DEFAULT_AUTHORITY_URL));
  client->profile = (struct lcpp_profile){
      .user_agent = text_or(&values[LCPP_OPTION_USER_AGENT], DEFAULT_USER_AGENT),
      .ca_file = text_or(&values[LCPP_OPTION_CA_FILE], NULL),
      .proxy = text_or(&values[LCPP_OPTION_PROXY], NULL),
      .connect_timeout_ms =
          lcpp_milliseconds(&values[LCPP_OPTION_CONNECT_TIMEOUT], DEFAULT_CONNECT_TIMEOUT_MS),
  };
  client->api_version = values[LCPP_OPTION_API_VERSION];
  if (!client->api_version.given) {
    client->api_version = (struct lcpp_value){
        .given = true, .text = DEFAULT_API_VERSION, .length = sizeof DEFAULT_API_VERSION - 1};
  }
  client->client_request_id = text_or(&values[LCPP_OPTION_CLIENT_REQUEST_ID], NULL);
  client->headers = text_or(&values[LCPP_OPTION_HEADERS], NULL);
  client->has_short_secret = lcpp_is_short_secret(values[LCPP_OPTION_TOKEN].length) ||
                             lcpp_is_short_secret(values[LCPP_OPTION_CLIENT_SECRET].length);
  client->timeout_ms = lcpp_milliseconds(&values[LCPP_OPTION_TIMEOUT], DEFAULT_TIMEOUT_MS);
  client->max_response_bytes =
      bytes_or(&values[LCPP_OPTION_MAX_RESPONSE_BYTES], DEFAULT_MAX_RESPONSE_BYTES);
  client->engine =
      lcpp_engine_new(&client->profile, (long)values[LCPP_OPTION_MAX_CONNECTIONS].number);
  if (client->engine == NULL) {
    return luaL_error(L, "cpp: cannot make a client: out of memory or descriptors");
  }
  return 1;
}

static long milliseconds_of(double seconds) {
  return seconds < (double)LCPP_LONGEST_WAIT_MS / 1e3 ? (long)ceil(seconds * 1000)
                                                      : LCPP_LONGEST_WAIT_MS;
}

static int client_step(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  double seconds = luaL_optnumber(L, 2, -1);
  if (seconds != seconds) {
    return luaL_argerror(L, 2, "seconds expected, got NaN");
  }
  long wait_ms = -1;
  if (seconds >= 0) {
    wait_ms = milliseconds_of(seconds);
  } else if (lcpp_engine_running(client->engine) == 0) {
    wait_ms = 0;
  }
  lcpp_engine_step(client->engine, wait_ms);
  lua_pushinteger(L, (lua_Integer)lcpp_engine_running(client->engine));
  lua_pushinteger(L, (lua_Integer)client->engine->finished.count);
  return 2;
}

static int client_finished(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  struct lcpp_transfer *transfer = lcpp_engine_next_finished(client->engine);
  if (transfer == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct lcpp_request *request = (struct lcpp_request *)(void *)transfer;
  int index = request->index;
  lua_getiuservalue(L, 1, LCPP_CLIENT_REQUESTS); /* pushing what exists allocates nothing */
  lua_rawgeti(L, -1, index);
  luaL_unref(L, -2, index);
  request->index = 0;
  lua_pushinteger(L, index);
  lua_pushinteger(L, (lua_Integer)transfer->response.body.length);
  return 3;
}

/* This, events and timeout are the protocol of cqueues:
 * https://25thandclement.com/~william/projects/cqueues.pdf, "Polling". */
static int client_pollfd(lua_State *L) {
  int fd = lcpp_check_client(L)->engine->poller.epoll;
  if (fd < 0) {
    lua_pushnil(L);
  } else {
    lua_pushinteger(L, fd);
  }
  return 1;
}

static int client_events(lua_State *L) {
  lcpp_check_client(L);
  lua_pushliteral(L, "r");
  return 1;
}

static int client_timeout(lua_State *L) {
  long timeout_ms = lcpp_engine_timeout(lcpp_check_client(L)->engine);
  if (timeout_ms < 0) {
    lua_pushnil(L);
  } else {
    lua_pushnumber(L, (lua_Number)timeout_ms / 1000);
  }
  return 1;
}

/* Lets a scheduler in a host's loop have its own timers. */
static int client_alarm(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  double seconds = luaL_checknumber(L, 2);
  if (!(seconds >= 0)) { /* nor NaN */
    return luaL_argerror(L, 2, "seconds expected");
  }
  lcpp_engine_alarm(client->engine, milliseconds_of(seconds));
  return 0;
}

static int client_usable(lua_State *L) {
  const struct lcpp_client *client = to_client(L);
  lua_pushboolean(L, client->engine != NULL && lcpp_engine_is_ours(client->engine));
  return 1;
}

void lcpp_client_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", client__gc},
                                         {"__close", client_close},
                                         {"__tostring", client__tostring},
                                         {NULL, NULL}};
  static const luaL_Reg methods[] = {{"start", lcpp_client_start},
                                     {"check", lcpp_client_check},
                                     {"describe", lcpp_client_describe},
                                     {"step", client_step},
                                     {"finished", client_finished},
                                     {"pollfd", client_pollfd},
                                     {"events", client_events},
                                     {"timeout", client_timeout},
                                     {"alarm", client_alarm},
                                     {"usable", client_usable},
                                     {"close", client_close},
                                     {NULL, NULL}};
  lcpp_new_class(L, LCPP_CLIENT, metamethods, methods);
}
