// The connections to one origin: how many there may be, who waits for one, which are at rest.
#pragma once

#include "net/http1_connection.hpp"
#include "net/http1_pipeline.hpp"
#include "net/http2_connection.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace modelmesh::net {

class engine;

class pool_limits {
public:
    pool_limits() = default;
    std::size_t connections = 256;                 ///< open at a time, in use or idle
    std::size_t idle = 32;                         ///< kept for reuse, of either version of HTTP
    std::size_t queue = 4096;                      ///< requests waiting for a connection
    duration queue_time = duration::max();         ///< the longest wait there while no more may be open
    duration idle_time = std::chrono::seconds(55); ///< below the 60 s after which many servers close
    http2_settings http2;                          ///< of each HTTP/2 connection
};

struct pool_counters {
    std::size_t in_use = 0;   ///< exchanges under way, and connections being made for one
    std::size_t idle = 0;     ///< connections without an exchange
    std::size_t waiting = 0;  ///< requests in the queue
    std::uint64_t opened = 0; ///< connections made
    std::uint64_t reused = 0; ///< requests that were given a used connection
    std::uint64_t stale = 0;  ///< requests sent again because the used connection had died
    std::uint64_t queued = 0; ///< requests that have waited in the queue, however that ended
    duration queue_time{};    ///< that they waited, all together
    duration longest_queue_time{};

    /// Both together: sums, and of the longest wait the longer.
    pool_counters& operator+=(const pool_counters& other) noexcept;
};

/// One per origin and event loop; used on that loop's thread. Idle connections keep nothing running: one that
/// has rested too long is found when the next request asks.
///
/// An HTTP/1.1 connection belongs to one lease at a time, unless the leases are for requests that may be
/// pipelined: these share one until the last of them ends. HTTP/2 connections stay here, and each lease has
/// an exchange of its own on one of them. Where a connection may turn out to speak HTTP/2, one is made at a
/// time: whoever comes meanwhile waits to see whether it serves all.
class connection_pool final : public std::enable_shared_from_this<connection_pool>,
                              private http2_connection::watcher,
                              private http1_pipeline::watcher {
public:
    /// The right to one connection, and what carries an exchange once there is one. Its end gives both back:
    /// the connection goes to the next request or to rest if it is reusable, and is closed otherwise.
    class lease {
    public:
        lease() = default;
        lease(std::shared_ptr<connection_pool> pool, std::unique_ptr<http1_connection> connection) noexcept;
        lease(std::shared_ptr<connection_pool> pool, std::unique_ptr<shared_exchange> exchange,
              bool is_reused) noexcept;
        lease(lease&&) noexcept = default;
        lease& operator=(lease&& other) noexcept;
        ~lease() { give_back(); }

        explicit operator bool() const noexcept { return pool_ != nullptr; }
        /// Null: there is only the right to make a connection.
        [[nodiscard]] carrier* connection() const noexcept;
        /// Whether the connection carries, or may carry, exchanges of others at the same time.
        [[nodiscard]] bool is_shared() const noexcept { return exchange_ != nullptr; }
        /// Whether the connection has rested after a request of somebody else, and the server may have given
        /// it up since.
        [[nodiscard]] bool is_reused() const noexcept {
            return is_reused_ || (exchange_ && exchange_->follows_others());
        }
        void attach(std::unique_ptr<http1_connection> fresh);
        void attach(const std::shared_ptr<http2_connection>& fresh);
        /// The connection could not be made: those who only waited for it learn why. Where others work, they
        /// wait for these instead.
        void refuse(const fault& why) noexcept;
        /// A used connection turned out dead: drops it and keeps the right to one; of a shared connection
        /// drops the exchange, and nothing is kept.
        void drop_stale();
        void give_back() noexcept;
        /// Gives back a connection on which only the end of a message is still to come. It rests like the
        /// others, and is used again if that end has arrived by then.
        void give_back_unfinished() noexcept;

    private:
        friend class connection_pool;
        void pipeline();

        std::shared_ptr<connection_pool> pool_;
        std::unique_ptr<http1_connection> connection_;
        std::unique_ptr<shared_exchange> exchange_;
        bool is_reused_ = false;
        bool is_pipelined_ = false; // for a request that may be
    };

    /// @param may_share  connections may turn out to speak HTTP/2.
    /// @param pipeline_depth  exchanges at a time on an HTTP/1.1 connection, of requests that may be
    /// pipelined.
    connection_pool(engine& io, pool_limits limits, const clock& time, bool may_share = false,
                    std::size_t pipeline_depth = 1)
        : engine_(io), limits_(limits), time_(time), pipeline_depth_(pipeline_depth),
          is_dialing_alone_(may_share || pipeline_depth > 1) {}
    ~connection_pool();

    /// A used connection, newest first, or the right to open one; nothing when there is none now.
    /// @param is_pipelined  the request is short, may be sent twice, and its answer is read as a whole.
    [[nodiscard]] std::optional<lease> try_acquire(bool is_pipelined = false);
    /// Completes when try_acquire() has something, with that; in the order of the calls.
    /// Errors: timed_out at the deadline, canceled, overloaded when too many wait already or it has waited for the
    /// queue's time while as many were open as may be, all these local; connect when the connection that it waited for
    /// could not be made.
    [[nodiscard]] static task<result<lease>> acquire(std::shared_ptr<connection_pool> pool,
                                                     time_point deadline, bool is_pipelined = false);

    [[nodiscard]] pool_counters counters() const noexcept;
    /// The right to open a connection that no request has asked for; nothing when there may be no more, or
    /// when one that is open serves all.
    [[nodiscard]] std::optional<lease> try_reserve();
    /// Closes the connections at rest.
    void clear_idle() noexcept;

private:
    struct resting {
        std::unique_ptr<http1_connection> connection;
        time_point since;
    };
    class queued;

    // An HTTP/2 connection.
    struct sharing {
        std::shared_ptr<http2_connection> connection;
        time_point idle_since;
    };

    void connection_changed(http2_connection& which) noexcept override;
    void pipeline_changed(http1_pipeline& which) noexcept override;
    void pipeline_broke() noexcept override;
    [[nodiscard]] std::optional<lease> try_share();
    [[nodiscard]] std::optional<lease> try_follow();
    [[nodiscard]] lease lend(std::unique_ptr<http1_connection> connection, bool is_pipelined);
    [[nodiscard]] bool may_pipeline() const noexcept;
    [[nodiscard]] bool is_full() const noexcept;
    [[nodiscard]] bool may_dial() const noexcept;
    [[nodiscard]] bool has_shared() const noexcept;
    void remove_shared(std::size_t at) noexcept;
    void serve_queue() noexcept;
    void note_fullness() noexcept;
    [[nodiscard]] time_point end_of(const queued& waiting, time_point deadline) const noexcept;
    [[nodiscard]] std::unique_ptr<http1_connection> take_idle();
    [[nodiscard]] fault too_long_fault() const;
    void put_back(std::unique_ptr<http1_connection> connection) noexcept;
    void rest(std::unique_ptr<http1_connection> connection) noexcept;
    void trim() noexcept;

    engine& engine_;
    pool_limits limits_;
    const clock& time_;
    std::deque<resting> idle_;    // newest at the back
    std::list<queued*> queue_;    // oldest at the front
    std::vector<sharing> shared_; // also those that accept no exchange but still have some
    std::vector<std::shared_ptr<http1_pipeline>> pipelines_;
    time_point pipeline_again_{};               // after a server has left answers out
    time_point dial_again_{};                   // where others work, after one could not be made
    time_point full_since_ = time_point::max(); // as long as somebody waits; max: it is not
    std::size_t pipeline_depth_;
    std::size_t in_use_ = 0;    // HTTP/1.1 connections, and rights to make one
    std::size_t dialing_ = 0;   // of these, the rights
    std::size_t exchanges_ = 0; // on shared connections
    bool is_dialing_alone_;     // the last connection shared, or none was made yet and the first may
    bool is_serving_ = false;
    pool_counters counters_;
};

} // namespace modelmesh::net
