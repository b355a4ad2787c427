// Replies that are given again to the same request.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/middleware.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace modelmesh {

struct response_cache_options {
    std::chrono::seconds ttl{300};
    std::uint64_t max_bytes{64u << 20};
    std::uint64_t max_entry_bytes{4u << 20};
    bool only_deterministic{true};

    static constexpr json::field_rule json_fields[] = {
        json::about("ttl", "how long a reply is given again"),
        json::about("max_bytes",
                    "of all requests and replies together; the ones not used for longest go first"),
        json::measured("max_bytes", json::measure::bytes),
        json::about("max_entry_bytes", "of a reply that is kept"),
        json::measured("max_entry_bytes", json::measure::bytes),
        json::about("only_deterministic",
                    "false: also texts of requests that have neither temperature 0 nor a seed"),
    };
};

struct response_cache_stats {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0; ///< of requests whose reply may be kept
    std::uint64_t evictions = 0;
    std::uint64_t joined = 0; ///< calls that waited for the same one under way
    std::size_t entries = 0;
    std::uint64_t bytes = 0;
};

/// Answers a request that is the same, byte for byte in its JSON, as one that was answered before. Such an
/// answer asks
/// no model and costs no budget; its route has the request's id and nothing else.
///
/// Kept are replies of chat, text completions, embeddings, moderations and reranks, of requests without
/// files. Texts only
/// where the request says `temperature: 0` or has a `seed`. Streams are kept when they were read to their
/// end, and given
/// again chunk by chunk. Of equal calls for whole replies at the same time one is made, and the others wait
/// for it.
/// `call_options().metadata("cache", "off")` keeps a call out of it.
/// Threads: any; one mutex, held for a lookup. Clients may share it, and then share replies: give each user
/// their own.
class response_cache : public middleware {
public:
    /// @param time  outlives it.
    [[nodiscard]] static std::shared_ptr<response_cache> make(response_cache_options options = {},
                                                              const clock& time = clock::system());
    virtual void clear() = 0;
    [[nodiscard]] virtual response_cache_stats stats() const = 0;
};

} // namespace modelmesh
