/*
 * Full collections while functions of cpp.core run, for a state whose program asks for them by the
 * environment.
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <lua.h>
#include <stdbool.h>

/* COLLECT_EVERY="calls allocations": a full collection, finalisers included, before every so many
 * calls of the core's functions; and one without finalisers (an emergency collection) at every so
 * many of the allocations in them. COLLECT_REPORT: the file to which the number of collections is
 * added at the end. Without COLLECT_EVERY it does nothing. For one state of a process, right after
 * it was made. */
void collector_install(lua_State *L);

#endif
