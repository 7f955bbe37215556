-- Types for editors and for doc/reference.md: loops, and what a loop of one's own is written with.
---@meta _

---How calls wait: see [loops](loops.md). A loop of one's own needs the first two, and has no field `scheduler`.
---@class cpp.Loop
---Returns when `request:done()` is true, and not before. Calls of other coroutines go on meanwhile.
---@field await fun(core_client: cpp.CoreClient, request: cpp.CoreRequest|{ done: fun(self): boolean })
---Returns when so many seconds have passed, or earlier when the client is closed.
---@field sleep fun(core_client: cpp.CoreClient, seconds: number)
---Called before the client is closed, while its descriptor is open.
---@field release? fun(core_client: cpp.CoreClient)
---Starts a new coroutine, which does not raise, as one of the host's. Where a loop has this, a token function runs in a
---coroutine of its own, and no deadline waits for it. It returns false where it can start none.
---@field spawn? fun(thread: thread): boolean|nil
---Seconds on a clock that never goes back; another one is misuse. Default: `cpp.core.monotonic`.
---@field now? fun(): number

---@class cpp.Loops
---@field blocking cpp.Loop # the default: the thread waits
---@field cqueues cpp.Loop # suspends the coroutine of a cqueues controller
---@field luv cpp.Loop # suspends the coroutine; libuv's callbacks resume it

---The coroutine that waits for each request: `require "cpp.dispatch"`, for your own loops.
---@class cpp.dispatch
local dispatch = {}

---Registers a function to be called once, when the request is done or the client is closed.
---@param core_client cpp.CoreClient
---@param request cpp.CoreRequest|{ done: fun(self): boolean } # or any object with a method `done`
---@param wake fun(): boolean? # it must not raise; true if it ran no user code: the client is unchanged
---@return table registration # for a `<close>` variable, which takes the registration back
function dispatch.register(core_client, request, wake) end

---Registers a function to be called once, when the client is closed: for a coroutine that sleeps. Raises when it is
---closed already.
---@param core_client cpp.CoreClient
---@param wake fun(): boolean? # it must not raise; true if it ran no user code: the client is unchanged
---@return table registration # for a `<close>` variable, which takes the registration back
function dispatch.sleeping(core_client, wake) end

---Wakes all whose request is done: to be called after each step.
---@param core_client cpp.CoreClient
function dispatch.run(core_client) end

---Whether any coroutine waits for a request of that client.
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
