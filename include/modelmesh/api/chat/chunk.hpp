// The chunks of a streamed reply. Every string of a chunk is a view into the received bytes: valid until the
// next read of the stream.
#pragma once

#include <modelmesh/api/chat/reply.hpp>

namespace modelmesh::chat {

struct top_logprob_view {
    std::string_view token{};
    double logprob = 0;
    json::maybe<std::vector<int>> bytes{};
    json::extra_view extra{};

    friend bool operator==(const top_logprob_view&, const top_logprob_view&) = default;
};

struct token_logprob_view {
    std::string_view token{};
    double logprob = 0;
    json::maybe<std::vector<int>> bytes{};
    std::vector<top_logprob_view> top_logprobs{};
    json::extra_view extra{};

    friend bool operator==(const token_logprob_view&, const token_logprob_view&) = default;
};

struct logprobs_view {
    json::maybe<std::vector<token_logprob_view>> content{};
    json::maybe<std::vector<token_logprob_view>> refusal{};
    json::extra_view extra{};

    friend bool operator==(const logprobs_view&, const logprobs_view&) = default;
};

struct function_delta {
    json::maybe<std::string_view> name{};
    json::maybe<std::string_view> arguments{}; ///< to be appended to what came before under the same index
    json::extra_view extra{};

    friend bool operator==(const function_delta&, const function_delta&) = default;
};

struct tool_call_delta {
    std::int64_t index = 0;
    json::maybe<std::string_view> id{};
    json::maybe<std::string_view> type{};
    json::maybe<function_delta> function{};
    json::extra_view extra{};

    friend bool operator==(const tool_call_delta&, const tool_call_delta&) = default;
};

struct audio_delta {
    json::maybe<std::string_view> id{};
    json::maybe<std::string_view> data{}; ///< base64 of what comes next
    json::maybe<std::string_view> transcript{};
    json::maybe<std::int64_t> expires_at{};
    json::extra_view extra{};

    friend bool operator==(const audio_delta&, const audio_delta&) = default;
};

struct delta {
    json::maybe<std::string_view> role{}; ///< in the first chunk
    json::maybe<std::string_view> content{};
    json::maybe<std::string_view> refusal{};
    json::maybe<std::vector<tool_call_delta>> tool_calls{};
    json::maybe<audio_delta> audio{};
    json::maybe<function_delta> function_call{}; ///< deprecated by OpenAI
    json::extra_view extra{};

    friend bool operator==(const delta&, const delta&) = default;
};

struct chunk_choice {
    std::int64_t index = 0;
    chat::delta delta{};
    json::maybe<logprobs_view> logprobs{};
    json::maybe<std::string_view> finish_reason{}; ///< null until the last chunk of the choice
    json::extra_view extra{};

    friend bool operator==(const chunk_choice&, const chunk_choice&) = default;
};

struct chunk {
    std::string_view id{};
    std::string_view object = "chat.completion.chunk";
    std::int64_t created = 0;
    std::string_view model{};
    json::maybe<std::string_view> service_tier{};
    json::maybe<std::string_view> system_fingerprint{};
    json::maybe<std::string_view> obfuscation{};
    std::vector<chunk_choice> choices{};
    json::maybe<chat::usage> usage{};
    json::maybe<moderation_report> moderation{};
    json::maybe<route>
        x_modelmesh{}; ///< in the mark of a stream that begins again: who serves it from here on
    json::extra_view extra{};

    /// The text that this chunk adds to the first choice; empty when it adds none.
    [[nodiscard]] std::string_view text() const noexcept;
    /// See chunk_view::restarted().
    [[nodiscard]] bool restarted() const noexcept;

    friend bool operator==(const chunk&, const chunk&) = default;
};

/// One chunk of a stream. Light, and copied freely; everything reached through it lives until the next read
/// of the stream that returned it.
class chunk_view {
public:
    chunk_view() = default;
    /// @param value  the chunk as read. @param json  the bytes that it was read from.
    chunk_view(const chunk& value, std::string_view json) noexcept : value_(&value), json_(json) {}

    /// True unless default-constructed; the other functions need a chunk.
    [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }

    /// The text that this chunk adds to the first choice; empty when it adds none.
    [[nodiscard]] std::string_view text() const noexcept { return value_->text(); }
    /// This chunk is no part of the reply but a mark, of pools with `streaming.on_failure: restart` alone: the model
    /// failed, and another one answers from the beginning. Whatever came before is to be thrown away. The chunk has
    /// no choices; value().x_modelmesh says who answers.
    [[nodiscard]] bool restarted() const noexcept { return value_->restarted(); }
    /// Set in the first chunk only, else empty.
    [[nodiscard]] std::string_view role() const noexcept;
    /// Why the first choice ended; empty until then. Compare with json::name_of(chat::finish::stop), or
    /// "stop".
    [[nodiscard]] std::string_view finish_reason() const noexcept;
    /// Totals, in the chunk that has them, else null.
    [[nodiscard]] const chat::usage* usage() const noexcept {
        return value_->usage ? &*value_->usage : nullptr;
    }
    /// Every member.
    [[nodiscard]] const chunk& value() const noexcept { return *value_; }
    /// The bytes of the chunk as they were received.
    [[nodiscard]] std::string_view json() const noexcept { return json_; }

private:
    const chunk* value_ = nullptr;
    std::string_view json_;
};

} // namespace modelmesh::chat
