/*
 * core.client: the userdata that owns one CURLM.
 *
 * The order of everything here: make the userdata closed, set its metatable, then acquire
 * (lua's own io library does so in `newprefile`). One destroy stands behind close, __gc and
 * __close, and may come in any order with the requests' own.
 */
#include <math.h>
#include <string.h>

#include "lcpp.h"

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
  return lcpp_check_self(L, LCPP_CLIENT);
}

struct lcpp_client *lcpp_check_client(lua_State *L) {
  struct lcpp_client *client = to_client(L);
  if (client->http == NULL) {
    lcpp_misuse(L, "the client is closed");
  }
  if (!lcpp_http_is_ours(client->http)) {
    lcpp_misuse(L, "the client belongs to the parent process: make a new one after fork");
  }
  return client;
}

static void destroy(struct lcpp_client *client) {
  struct lcpp_http *http = client->http;
  client->http = NULL;
  lcpp_http_free(http);
  lcpp_base_free(&client->base);
  lcpp_base_free(&client->authority);
}

/* client:close(): ends what runs with kind `closed`. Closing twice is fine. */
static int client_close(lua_State *L) {
  struct lcpp_client *client = to_client(L);
  if (client->http != NULL && lcpp_http_is_stepping(client->http)) {
    /* Nothing comes back to Lua within a step, so that nobody can be here. GCOV_EXCL_START */
    lcpp_misuse(L, "the client is running a step: it cannot be closed in it");
    /* GCOV_EXCL_STOP */
  }
  destroy(client);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, LCPP_CLIENT_REQUESTS);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, LCPP_CLIENT_TOKEN);
  return 0;
}

/* Also __close: leaving the scope closes the client, whatever it was doing. */
static int client__gc(lua_State *L) {
  destroy(to_client(L));
  return 0;
}

static int client__tostring(lua_State *L) {
  struct lcpp_client *client = to_client(L);
  if (client->http == NULL) {
    lua_pushliteral(L, "cpp.client (closed)");
  } else {
    lua_pushfstring(L, "cpp.client (%d running)", (int)lcpp_http_running(client->http));
  }
  return 1;
}

void lcpp_read_base(lua_State *L, struct lcpp_base *base, const char *name, const char *text) {
  const char *why = NULL;
  enum lcpp_url_status status = lcpp_base_parse(base, text, &why);
  if (status == LCPP_URL_MEMORY) {
    luaL_error(L, "not enough memory");
  } else if (status != LCPP_URL_OK) {
    lcpp_misuse(L, "%s: expected %s", name, why);
  }
}

long lcpp_milliseconds(const struct lcpp_value *value, long otherwise) {
  return value->given ? (long)ceil(value->number * 1000) : otherwise;
}

static const char *text_or(const struct lcpp_value *value, const char *otherwise) {
  return value->given ? value->text : otherwise;
}

static size_t bytes_or(const struct lcpp_value *value, size_t otherwise) {
  return value->given ? (size_t)value->number : otherwise;
}

/* Keeps the strings that the client's fields point to, in its second user value: the very strings
 * of the table of options, which the caller may change afterwards. */
static void hold_strings(lua_State *L, const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  lua_newtable(L);
  for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
    bool secret = i == LCPP_OPTION_TOKEN || i == LCPP_OPTION_CLIENT_SECRET;
    if (values[i].text != NULL && !secret) {
      lua_pushvalue(L, values[i].place);
      lua_rawseti(L, -2, i + 1);
    }
  }
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
  lcpp_read_base(L, &client->base, "base_url",
                 text_or(&values[LCPP_OPTION_BASE_URL], DEFAULT_BASE_URL));
  lcpp_read_base(L, &client->authority, "authority_url",
                 text_or(&values[LCPP_OPTION_AUTHORITY_URL], DEFAULT_AUTHORITY_URL));
  client->profile = (struct lcpp_profile){
      .user_agent = text_or(&values[LCPP_OPTION_USER_AGENT], DEFAULT_USER_AGENT),
      .ca_file = text_or(&values[LCPP_OPTION_CA_FILE], NULL),
      .proxy = text_or(&values[LCPP_OPTION_PROXY], NULL),
      .connect_timeout_ms =
          lcpp_milliseconds(&values[LCPP_OPTION_CONNECT_TIMEOUT], DEFAULT_CONNECT_TIMEOUT_MS),
  };
  client->api_version = text_or(&values[LCPP_OPTION_API_VERSION], DEFAULT_API_VERSION);
  client->client_request_id = text_or(&values[LCPP_OPTION_CLIENT_REQUEST_ID], NULL);
  client->timeout_ms = lcpp_milliseconds(&values[LCPP_OPTION_TIMEOUT], DEFAULT_TIMEOUT_MS);
  client->max_response_bytes =
      bytes_or(&values[LCPP_OPTION_MAX_RESPONSE_BYTES], DEFAULT_MAX_RESPONSE_BYTES);
  client->http = lcpp_http_new(&client->profile, (long)values[LCPP_OPTION_MAX_CONNECTIONS].number);
  if (client->http == NULL) {
    return luaL_error(L, "cpp: cannot make a client: out of memory or descriptors");
  }
  return 1;
}

static long milliseconds_of(double seconds) {
  return seconds < LCPP_LONGEST_WAIT_MS / 1e3 ? (long)ceil(seconds * 1000) : LCPP_LONGEST_WAIT_MS;
}

/* client:step(seconds) -> number of requests still running, number of those that finished and that
 * neither finished() nor result() has taken. Runs what is due; waits at most `seconds` for
 * something to happen (0: not at all; absent: until something does, unless nothing runs). It
 * returns early as soon as a request finished or a signal came. */
static int client_step(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  double seconds = luaL_optnumber(L, 2, -1);
  if (seconds != seconds) {
    return luaL_argerror(L, 2, "seconds expected, got NaN");
  }
  long wait_ms = -1;
  if (seconds >= 0) {
    wait_ms = milliseconds_of(seconds);
  } else if (lcpp_http_running(client->http) == 0) {
    wait_ms = 0;
  }
  lcpp_http_step(client->http, wait_ms);
  lua_pushinteger(L, (lua_Integer)lcpp_http_running(client->http));
  lua_pushinteger(L, (lua_Integer)lcpp_http_finished(client->http));
  return 2;
}

/* client:finished() -> the request that finished first and was not handed out yet, and the place
 * that it had (see request:place), or nil. */
static int client_finished(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  struct lcpp_transfer *transfer = lcpp_http_next_finished(client->http);
  if (transfer == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct lcpp_request *request = (struct lcpp_request *)(void *)transfer;
  int place = request->place;
  lua_getiuservalue(L, 1, LCPP_CLIENT_REQUESTS); /* pushing what exists allocates nothing */
  lua_rawgeti(L, -1, place);
  luaL_unref(L, -2, place);
  request->place = 0;
  lua_pushinteger(L, place);
  return 2;
}

/* client:pollfd() -> the descriptor for a host loop to watch, or nil where there is no epoll.
 * This, events and timeout are the protocol of cqueues:
 * https://25thandclement.com/~william/projects/cqueues.pdf, "Polling". */
static int client_pollfd(lua_State *L) {
  int fd = lcpp_poller_descriptor(lcpp_http_poller(lcpp_check_client(L)->http));
  if (fd < 0) {
    lua_pushnil(L);
  } else {
    lua_pushinteger(L, fd);
  }
  return 1;
}

/* client:events() -> "r": the descriptor is readable when a step has work to do. */
static int client_events(lua_State *L) {
  lcpp_check_client(L);
  lua_pushliteral(L, "r");
  return 1;
}

/* client:timeout() -> seconds until a step is due even if the descriptor stays quiet, or nil. */
static int client_timeout(lua_State *L) {
  long timeout_ms = lcpp_http_timeout(lcpp_check_client(L)->http);
  if (timeout_ms < 0) {
    lua_pushnil(L);
  } else {
    lua_pushnumber(L, (lua_Number)timeout_ms / 1000);
  }
  return 1;
}

/* client:alarm(seconds): lets the next step, and the next timeout(), end no later than in so many
 * seconds: how a scheduler over a host's loop gets its own timers. It rings once. */
static int client_alarm(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  double seconds = luaL_checknumber(L, 2);
  if (!(seconds >= 0)) { /* nor NaN */
    return luaL_argerror(L, 2, "seconds expected");
  }
  lcpp_http_alarm(client->http, milliseconds_of(seconds));
  return 0;
}

/* client:usable() -> whether it is open and was made in this process, not in its parent. */
static int client_usable(lua_State *L) {
  const struct lcpp_client *client = to_client(L);
  lua_pushboolean(L, client->http != NULL && lcpp_http_is_ours(client->http));
  return 1;
}

void lcpp_client_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", client__gc},
                                         {"__close", client__gc},
                                         {"__tostring", client__tostring},
                                         {NULL, NULL}};
  static const luaL_Reg methods[] = {{"start", lcpp_client_start},
                                     {"check", lcpp_client_check},
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
