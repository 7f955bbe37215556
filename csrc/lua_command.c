/*
 * What the command cpp-portal needs of the system: signals, standard streams and the terminal. A
 * library leaves them to its host, so nothing else calls these functions.
 */
#include <fcntl.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lua_binding.h"

/* The signals of the process: how many of those below have come, and which one came first. */
static volatile sig_atomic_t caught_count;
static volatile sig_atomic_t caught_first;

/* The third signal acts as it would without us, whatever holds the command up. */
static void on_signal(int number) {
  if (caught_count == 0) {
    caught_first = number;
  }
  if (caught_count < 2) {
    caught_count = caught_count + 1;
  } else {
    signal(number, SIG_DFL);
    raise(number);
  }
}

/* What is ignored stays so, as under nohup; but for SIGINT, which the interpreter handles. Without
 * SA_RESTART, a signal ends a write that nothing reads. */
static void catch_signal(int number) {
  struct sigaction old;
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
    sigaction(number, &action, NULL);
  }
}

/* Has each standard stream that is closed fail with "bad file descriptor", rather than be the next
 * socket: it is opened the wrong way round. */
static void occupy_standard_streams(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) == -1) {
      (void)open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

/* core.begin_command(): from here on, a closed pipe is an error of a write, SIGHUP, SIGINT and
 * SIGTERM are only noted, and no socket gets the number of a standard stream. */
int lcpp_core_begin_command(lua_State *L) {
  (void)L;
  occupy_standard_streams();
  signal(SIGPIPE, SIG_IGN);
  catch_signal(SIGHUP);
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
  return 0;
}

/* core.signals() -> how many have been noted (2 at most); the number of the first, or nil */
int lcpp_core_signals(lua_State *L) {
  lua_pushinteger(L, caught_count);
  if (caught_count == 0) {
    return 1;
  }
  lua_pushinteger(L, caught_first);
  return 2;
}

/* core.terminal_size(file) -> columns, rows; or nothing where it is no terminal or has no size */
int lcpp_core_terminal_size(lua_State *L) {
  const luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  struct winsize size;
  if (stream->closef == NULL || ioctl(fileno(stream->f), TIOCGWINSZ, &size) != 0 ||
      size.ws_col == 0 || size.ws_row == 0) {
    return 0;
  }
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}
