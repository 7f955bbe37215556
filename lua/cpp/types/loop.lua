-- Types for editors and for doc/reference.md: loops, and the functions for writing one.
---@meta _

---How calls wait: see [loops](loops.md). Your own loop needs `await` and `sleep`, and must not have a field `scheduler`.
---@class cpp.Loop
---Returns when `request:done()` is true, not earlier. Calls of other coroutines continue meanwhile.
---@field await fun(core_client: cpp.CoreClient, request: cpp.CoreRequest|{ done: fun(self): boolean })
---Returns after this many seconds, or earlier if the client is closed.
---@field sleep fun(core_client: cpp.CoreClient, seconds: number)
---Called before the client is closed, while its descriptor is open.
---@field release? fun(core_client: cpp.CoreClient)
---Starts a new coroutine in the host; the coroutine does not raise errors. Returns false if it cannot start one. In a loop
---with `spawn`, a token function runs in its own coroutine and delays no deadline.
---@field spawn? fun(thread: thread): boolean|nil
---Returns the time in seconds. A clock that goes back is misuse. Default: `cpp.core.monotonic`.
---@field now? fun(): number

---The loops of the package.
---@class cpp.Loops
---@field blocking cpp.Loop # the default: the thread waits
---@field cqueues cpp.Loop # suspends the coroutine of a cqueues controller
---@field luv cpp.Loop # suspends the coroutine; libuv's callbacks resume it

---`require "cpp.dispatch"`, for your own loops: it records which coroutine waits for which request.
---@class cpp.dispatch
local dispatch = {}

---Registers a function to be called once, when the request is done or the client is closed.
---@param core_client cpp.CoreClient
---@param request cpp.CoreRequest|{ done: fun(self): boolean } # or any object with a method `done`
---@param wake fun(): boolean? # must not raise an error; returns true if it ran no user code, so that the client is unchanged
---@return table registration # for a `<close>` variable: closing it removes the registration
function dispatch.register(core_client, request, wake) end

---Registers a function to be called once, when the client is closed; for a coroutine that sleeps. Raises an error if the
---client is already closed.
---@param core_client cpp.CoreClient
---@param wake fun(): boolean? # must not raise an error; returns true if it ran no user code, so that the client is unchanged
---@return table registration # for a `<close>` variable: closing it removes the registration
function dispatch.sleeping(core_client, wake) end

---Calls the registered functions whose request is done. Call it after each step.
---@param core_client cpp.CoreClient
function dispatch.run(core_client) end

---Returns whether a coroutine waits for a request of this client.
---@param core_client cpp.CoreClient
---@return boolean
function dispatch.is_waiting(core_client) end

---@package
---@param core_client cpp.CoreClient
function dispatch.check_client(core_client) end

---@package
---@param core_client cpp.CoreClient
---@param request any
function dispatch.check(core_client, request) end

---@package
---@param core_client cpp.CoreClient
---@param seconds number
function dispatch.check_sleep(core_client, seconds) end

---@package
---@param thread thread
function dispatch.check_thread(thread) end

---@package
---@param core_client cpp.CoreClient
---@return table waiters
function dispatch.waiters(core_client) end

---@package
---@param core_client cpp.CoreClient
---@param request any
function dispatch.forget(core_client, request) end

---@package
---@param core_client cpp.CoreClient
function dispatch.run_requests(core_client) end

---@package
---@param core_client cpp.CoreClient
function dispatch.closed(core_client) end
