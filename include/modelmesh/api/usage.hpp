// What a chat reply cost in tokens.
#pragma once

#include <modelmesh/json/types.hpp>

#include <cstdint>

namespace modelmesh::chat {

struct prompt_tokens_details {
    json::maybe<std::int64_t> cached_tokens{}; ///< part of prompt_tokens
    json::maybe<std::int64_t> cache_write_tokens{};
    json::maybe<std::int64_t> audio_tokens{};
    json::maybe<std::int64_t> text_tokens{};
    json::maybe<std::int64_t> image_tokens{};
    json::extra extra{};

    friend bool operator==(const prompt_tokens_details&, const prompt_tokens_details&) = default;
};

struct completion_tokens_details {
    json::maybe<std::int64_t> reasoning_tokens{}; ///< part of completion_tokens
    json::maybe<std::int64_t> audio_tokens{};
    json::maybe<std::int64_t> accepted_prediction_tokens{};
    json::maybe<std::int64_t> rejected_prediction_tokens{};
    json::maybe<std::int64_t> text_tokens{};
    json::extra extra{};

    friend bool operator==(const completion_tokens_details&, const completion_tokens_details&) = default;
};

struct usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t total_tokens = 0;
    json::maybe<chat::prompt_tokens_details> prompt_tokens_details{};
    json::maybe<chat::completion_tokens_details> completion_tokens_details{};
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

} // namespace modelmesh::chat
