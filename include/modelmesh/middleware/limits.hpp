// How much a program lets through itself, before any provider says no.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/middleware.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace modelmesh {

/// Of a rate limit. A token is one of the request, or one that a reply may have: what the request does not
/// bound is
/// taken for 500. When a reply says how many it were, the difference is made good.
struct rate_limit_options {
    double requests_per_minute{0};
    double tokens_per_minute{0};
    std::chrono::seconds burst{6};
    std::optional<std::chrono::milliseconds> longest_wait{};
    bool per_name{false};

    static constexpr json::field_rule json_fields[] = {
        json::about("requests_per_minute", "0: as many as there are"),
        json::range("requests_per_minute", 0, 1e9),
        json::about("tokens_per_minute", "0: as many as there are"),
        json::range("tokens_per_minute", 0, 1e9),
        json::about("burst", "how long's worth of the limits may come at once; one request at least"),
        json::about("longest_wait",
                    "how long a call waits for its turn; 0: not at all; left out: until its deadline"),
        json::about("per_name", "true: each name that requests ask for has limits of its own"),
    };
};

/// Lets calls through at a steady rate (the generic cell rate algorithm), those that wait in the order in which they
/// came. A call that would wait too long fails: rate_limit, with `retry_after`. One that is canceled while it waits gives
/// its turn back, but for what others have taken behind it: they keep their moments. One that was let through has used
/// its turn and its estimate also when it fails, as providers count failed requests, too. Limits are for all clients
/// that have the middleware. Cost: a mutex that no call holds while it waits.
/// @throws std::invalid_argument  a limit is neither 0 nor from 1 to 1e9, or `burst` is not above 0.
[[nodiscard]] std::shared_ptr<middleware> make_rate_limit(rate_limit_options options);

struct concurrency_limit_options {
    unsigned max_in_flight{16};
    unsigned max_waiting{1024};

    static constexpr json::field_rule json_fields[] = {
        json::about("max_in_flight", "calls, streams until their end included, that may be under way"),
        json::range("max_in_flight", 1, 1e6),
        json::about("max_waiting", "calls that may wait for their turn; those beyond fail at once"),
        json::range("max_waiting", 0, 1e6),
    };
};

/// Lets that many calls be under way; others wait in the order in which they came, until their deadline
/// (timed_out). A
/// call that is canceled leaves the queue. One for which the queue has no room fails: overloaded.
/// A stream counts until it was read to its end or destroyed.
/// @throws std::invalid_argument  `max_in_flight` is 0.
[[nodiscard]] std::shared_ptr<middleware> make_concurrency_limit(concurrency_limit_options options = {});

} // namespace modelmesh
