// How much the log of requests tells of a call.
#pragma once

#include <cstdint>

namespace modelmesh {

enum class log_detail : std::uint8_t {
    metadata, ///< request_id, operation, delivery, name, model, provider, status, latency_ms
    summary,  ///< besides: pool, capability, attempts, input_tokens, output_tokens, cost_micro_usd, error
    full,     ///< besides: request_payload and response_payload, without secrets and cut off
};

} // namespace modelmesh
