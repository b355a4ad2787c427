// The connections to one origin: how many there may be, who waits for one, which are at rest.
#pragma once

#include "net/http1_connection.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>

namespace modelmesh::net {

class engine;

class pool_limits {
public:
    pool_limits() = default;
    std::size_t connections = 256;                 ///< open at a time, in use or idle
    std::size_t idle = 32;                         ///< kept for reuse
    std::size_t queue = 4096;                      ///< requests waiting for a connection
    duration idle_time = std::chrono::seconds(55); ///< below the 60 s after which many servers close
};

struct pool_counters {
    std::size_t in_use = 0;
    std::size_t idle = 0;
    std::size_t waiting = 0;
    std::uint64_t opened = 0; ///< connections made
    std::uint64_t reused = 0; ///< requests that were given a used connection
    std::uint64_t stale = 0;  ///< requests sent again because the used connection had died
};

/// One per origin and event loop; used on that loop's thread. Idle connections keep nothing running: one that
/// has rested too long is found when the next request asks.
class connection_pool : public std::enable_shared_from_this<connection_pool> {
public:
    /// The right to one connection, and the connection once there is one. Its end gives both back: the
    /// connection goes to the next request or to rest if it is reusable, and is closed otherwise.
    class lease {
    public:
        lease() = default;
        lease(std::shared_ptr<connection_pool> pool, std::unique_ptr<http1_connection> connection) noexcept;
        lease(lease&&) noexcept = default;
        lease& operator=(lease&& other) noexcept;
        ~lease() { give_back(); }

        [[nodiscard]] http1_connection* connection() const noexcept { return connection_.get(); }
        /// Whether the connection has carried a request of somebody else before.
        [[nodiscard]] bool is_reused() const noexcept { return is_reused_; }
        void attach(std::unique_ptr<http1_connection> fresh);
        /// A used connection turned out dead: drops it and keeps the right to one.
        void drop_stale();
        void give_back() noexcept;
        /// Gives back a connection on which only the end of a message is still to come. It rests like the
        /// others, and is used again if that end has arrived by then.
        void give_back_unfinished() noexcept;

    private:
        std::shared_ptr<connection_pool> pool_;
        std::unique_ptr<http1_connection> connection_;
        bool is_reused_ = false;
    };

    connection_pool(engine& io, pool_limits limits, const clock& time)
        : engine_(io), limits_(limits), time_(time) {}

    /// Completes with a used connection, newest first, or the right to open one; in the order of the calls.
    /// Errors: timed_out at the deadline, canceled, overloaded when too many wait already.
    [[nodiscard]] static task<result<lease>> acquire(std::shared_ptr<connection_pool> pool,
                                                     time_point deadline);

    [[nodiscard]] pool_counters counters() const noexcept;
    /// Closes the connections at rest.
    void clear_idle() noexcept { idle_.clear(); }

private:
    struct resting {
        std::unique_ptr<http1_connection> connection;
        time_point since;
    };
    class queued;

    [[nodiscard]] std::optional<lease> try_acquire();
    [[nodiscard]] std::unique_ptr<http1_connection> take_idle();
    void put_back(std::unique_ptr<http1_connection> connection) noexcept;
    void rest(std::unique_ptr<http1_connection> connection) noexcept;

    engine& engine_;
    pool_limits limits_;
    const clock& time_;
    std::deque<resting> idle_; // newest at the back
    std::list<queued*> queue_; // oldest at the front
    std::size_t in_use_ = 0;
    pool_counters counters_;
};

} // namespace modelmesh::net
