// What the router needs from the network, so that routing is tested without one.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/random.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/message.hpp>

#include <chrono>
#include <memory>
#include <string_view>

namespace modelmesh::router {

enum class body_state : std::uint8_t { slice, would_block, end };

/// The body of an answer as it arrives. Destroying it before `end` abandons the exchange.
class body {
public:
    virtual ~body() = default;
    /// Takes bytes that have arrived; the slice is valid until the next call and 64 bytes past it may be
    /// read. Errors: protocol when the body was cut short; connect; timed_out.
    virtual result<body_state> try_read(std::string_view& slice) = 0;
    /// Completes when try_read would not answer would_block.
    virtual task<result<void>> wait() = 0;
    /// The reader has all it wants: what is still to come is at most the end of the body.
    virtual void done() noexcept = 0;
};

/// An answer whose head has arrived. With a status other than 2xx the body has been read into `head.body`.
class opened {
public:
    opened() = default;
    http::response head;
    std::unique_ptr<router::body> body;
};

/// How long one exchange may take.
class patience {
public:
    /// From the request to the head of its answer, when the caller has the time.
    static constexpr std::chrono::seconds usual_wait{60};

    /// @param until  when the exchange must be over.
    explicit patience(time_point until) : deadline(until) {}

    time_point deadline;
    duration first_byte = usual_wait;
};

/// One per event loop; used on that loop's thread only. Outlives every task it returned.
class transport {
public:
    virtual ~transport() = default;
    /// Sends a request and reads the whole answer, whatever its status.
    virtual task<result<http::response>> exchange(std::shared_ptr<const endpoint> to,
                                                  std::shared_ptr<const http::request> request,
                                                  patience limits) = 0;
    virtual task<result<opened>> open(std::shared_ptr<const endpoint> to,
                                      std::shared_ptr<const http::request> request, patience limits) = 0;
    /// Completes at that moment of time(), at once when it has passed. Errors: canceled.
    virtual task<result<void>> sleep_until(time_point moment) = 0;
    [[nodiscard]] virtual const clock& time() const noexcept = 0;
    /// Of this loop.
    [[nodiscard]] virtual rng& random() noexcept = 0;
    /// Name of the I/O engine, for the route of a reply.
    [[nodiscard]] virtual std::string_view engine_name() const noexcept = 0;
};

} // namespace modelmesh::router
