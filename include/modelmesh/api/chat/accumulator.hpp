// Rebuilds the whole reply from the chunks of a stream.
#pragma once

#include <modelmesh/api/chat/chunk.hpp>

namespace modelmesh::chat {

/// Adds up what each chunk says, for every choice: texts, refusals, tool calls by their index, log
/// probabilities, audio, and the totals. Members that the types do not name are kept, too: texts and arrays
/// inside a message grow (`reasoning_content`), anything else is what the last chunk said. A stream that begins
/// again (chunk_view::restarted()) is added up from there.
///
///     chat::accumulator whole;
///     while (auto chunk = co_await stream.next()) whole.add(chunk->value());
///     history.push_back(whole.take().choices.at(0).message);
///
/// Threads: one at a time.
class accumulator {
public:
    accumulator() = default;

    /// Copies what it keeps: the chunk may go.
    void add(const chunk& next);
    /// The reply as far as it has come. Valid until the next call.
    [[nodiscard]] const reply& so_far() const noexcept { return reply_; }
    /// The reply; a new one begins.
    [[nodiscard]] reply take();

private:
    reply reply_;
};

} // namespace modelmesh::chat
