/*
 * System functions of the command cpp-portal: signals, standard streams and the terminal. A library
 * leaves them to its host, so only the command calls these functions.
 */
#include <fcntl.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lua_binding.h"

/* The signals of the process: the number received, and the first one. */
static volatile sig_atomic_t caught_count;
static volatile sig_atomic_t caught_first;
static volatile sig_atomic_t grace_seconds;

static void set_handler(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

/* The grace period is over: this counts as a second signal. From here on a blocked write ends
 * within a second. */
static void on_alarm(int number) {
  (void)number;
  caught_count = 2;
  alarm(1);
}

/* The first signal starts the grace period. The third one has its default action, so that it ends a
 * command that hangs. */
static void on_signal(int number) {
  if (caught_count == 0) {
    caught_first = number;
    set_handler(SIGALRM, on_alarm); /* an alarm that was set before exec keeps its default action */
    alarm((unsigned)grace_seconds);
  }
  if (caught_count < 2) {
    caught_count = caught_count + 1;
  } else {
    signal(number, SIG_DFL); /* GCOV_EXCL_LINE: writes no counts */
    raise(number);           /* GCOV_EXCL_LINE */
  }
}

/* For SIGPIPE: unlike SIG_IGN, programs that the command starts do not inherit it. */
static void do_nothing(int number) {
  (void)number;
}

/* Ignored signals stay ignored, as under nohup, except SIGINT, which the interpreter handles.
 * Without SA_RESTART, a signal ends a write that nothing reads. */
static void catch_signal(int number) {
  struct sigaction old;
  if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
    set_handler(number, on_signal);
  }
}

/* Opens each closed standard stream in the wrong direction: it fails with "bad file descriptor",
 * and no socket gets its number. */
static void occupy_standard_streams(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) == -1) {
      (void)open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

int lcpp_core_begin_command(lua_State *L) {
  grace_seconds = (sig_atomic_t)luaL_checkinteger(L, 1);
  occupy_standard_streams();
  set_handler(SIGPIPE, do_nothing);
  catch_signal(SIGHUP);
  catch_signal(SIGINT);
  catch_signal(SIGTERM);
  return 0;
}

int lcpp_core_signals(lua_State *L) {
  lua_pushinteger(L, caught_count);
  if (caught_count == 0) {
    return 1;
  }
  lua_pushinteger(L, caught_first);
  return 2;
}

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
