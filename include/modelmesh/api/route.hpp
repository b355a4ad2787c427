// Which pool, provider and model served a request, and how.
#pragma once

#include <modelmesh/json/fields.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace modelmesh {

/// How one request was served; on the wire it is the member `x_modelmesh` of a reply.
struct route {
    std::string pool{};     ///< pool that the requested name resolved to
    std::string provider{}; ///< id of the provider in the configuration
    std::string model{};    ///< id of the model in the configuration
    int attempts = 0;       ///< tries until this one succeeded, itself included
    std::string engine{};   ///< what moved the bytes: "uring" or "epoll"
    /// From the call to the first byte of content, all attempts included.
    std::chrono::milliseconds latency{};
    /// What it cost, in millionths of a US dollar, as it was settled; of a stream when it has ended. Absent
    /// while no price of the model is known.
    std::optional<std::int64_t> cost_micro_usd{};
    /// Tokens that it was counted with: what the reply says, or else an estimate; of a stream when it has ended.
    std::optional<std::int64_t> input_tokens{};
    std::optional<std::int64_t> output_tokens{};
    /// The call's own: 32 hexadecimal digits, the same in every event about it.
    std::string request_id{};
    /// True in the mark of a stream that begins again, absent everywhere else.
    std::optional<bool> restarted{};

    static constexpr json::field_rule json_fields[] = {json::rename("latency", "latency_ms")};
    friend bool operator==(const route&, const route&) = default;
};

} // namespace modelmesh
