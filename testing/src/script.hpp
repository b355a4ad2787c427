// The simulator's script: which request gets which reply. Format: docs/simulator.md.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::testing::detail {

/// How a reply stops before its end.
enum class ending : std::uint8_t { reset, close, fin, hang };

/// Which part of a reply is broken on purpose.
enum class damage : std::uint8_t { none, head, chunk, json };

/// The form in which a provider says how long to wait.
enum class wait_form : std::uint8_t { seconds, date, milliseconds };

struct cut_point {
    std::optional<std::uint64_t> after_bytes;  ///< counted from the first byte of the reply, head included
    std::optional<std::uint64_t> after_events; ///< counted in SSE events; a plain body is one event
    ending how = ending::reset;
};

struct wait_hint {
    std::chrono::milliseconds delay{};
    wait_form form = wait_form::seconds;
};

struct scripted_call {
    std::string name;
    std::string arguments; ///< JSON text, or what the script gives as a string, valid or not
};

/// The `error` object of the wire; the two optional keys are null there.
struct api_error {
    std::string message;
    std::string type;
    std::optional<std::string> param;
    std::optional<std::string> code;
};

/// The routes that take rules, as a rule names them: the path after /v1/.
inline constexpr std::array<std::string_view, 13> scripted_paths{
    "chat/completions", "completions",          "responses",          "embeddings",   "rerank",
    "search",           "moderations",          "images/generations", "images/edits", "images/variations",
    "audio/speech",     "audio/transcriptions", "audio/translations"};

/// One rule: what it matches, and the reply it gives.
struct rule {
    std::optional<std::string> path;
    std::optional<std::string> model;
    std::optional<bool> stream;
    std::optional<std::uint64_t> uses_left = 1; ///< nullopt: always

    std::chrono::milliseconds latency{};
    std::chrono::milliseconds pace{};

    int status = 200;
    std::optional<api_error> error;
    std::optional<std::uint64_t> error_after_events;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<wait_hint> retry_after;

    std::optional<std::string> text;
    std::optional<std::uint64_t> tokens;
    std::vector<scripted_call> tool_calls;
    std::optional<std::string> finish_reason;

    std::optional<cut_point> cut;
    damage malformed = damage::none;
    std::int64_t content_length_off_by = 0;
    bool done = true;
};

/// The rules in order, and how often each may still be used.
class script {
public:
    /// @throws std::invalid_argument names the place in the text and what would be right there.
    static script parse(std::string_view text);

    /// The first rule that matches and is not used up, and uses it once; the default reply when there is
    /// none.
    /// @param path  one of scripted_paths
    rule next(std::string_view path, std::string_view model, bool stream);

private:
    std::vector<rule> rules_;
};

/// The message, type and code a provider sends with this status when the script names none.
api_error default_error(int status);

} // namespace modelmesh::testing::detail
