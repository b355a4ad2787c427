// The sinks that ship: nowhere, the console, and a file of JSON lines. An event_hub gives events to them
// (<modelmesh/event_hub.hpp>).
#pragma once

#include <modelmesh/connector/observability.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace modelmesh::connector {

struct null_sink_options {};
[[nodiscard]] result<std::unique_ptr<event_sink>> make_null_sink(const null_sink_options& options = {},
                                                                 log_sink* log = nullptr);

struct console_sink_options {
    bool use_color{true};
    bool show_timestamp{true};
    std::string prefix{"[ModelMesh]"};

    static constexpr json::field_rule json_fields[] = {
        json::about("use_color", "on a terminal, and when NO_COLOR is not set"),
        json::also("use_color", "colorize"),
        json::about("show_timestamp", "of each line, in UTC"),
        json::about("prefix", "of each line; may be empty"),
    };
};
/// Lines for people on standard error.
[[nodiscard]] result<std::unique_ptr<event_sink>> make_console_sink(const console_sink_options& options = {},
                                                                    log_sink* log = nullptr);
/// One line, with its end. What a terminal would obey is shown as `\x1b` and the like.
[[nodiscard]] std::string console_line(const event& told, const console_sink_options& options, bool in_color);

struct json_log_sink_options {
    std::string path{"modelmesh_events.jsonl"};
    std::uint64_t max_size{0};
    unsigned max_files{5};

    static constexpr json::field_rule json_fields[] = {
        json::about("path", "the file, from the working directory; its folder is made when there is none"),
        json::also("path", "file_path"),
        json::about("max_size", "of the file before it becomes PATH.1; 0: it grows"),
        json::measured("max_size", json::measure::bytes),
        json::also("max_size", "max_file_size_bytes"),
        json::about("max_files", "old ones that are kept, with max_size"),
        json::range("max_files", 1, 1000),
    };
};
/// One JSON object a line, appended. Nobody else may read a file that it makes. One that was moved away, as
/// logrotate
/// does, is made anew. The file is opened with the first event; one that cannot be is a failure of each
/// write().
/// Errors: config, the path is empty.
[[nodiscard]] result<std::unique_ptr<event_sink>> make_json_log_sink(
    const json_log_sink_options& options = {}, log_sink* log = nullptr);
/// One line, with its end:
/// {"version":1,"sequence":N,"timestamp":"2026-01-31T00:00:00.000000Z","severity":"info","event":"...",
/// "request_id":"...","fields":{...}}. Fields that are numbers by the catalogue of events are JSON numbers.
[[nodiscard]] std::string json_line(const event& told);

/// RFC 3339, in UTC, with microseconds.
[[nodiscard]] std::string timestamp(std::chrono::system_clock::time_point at);
[[nodiscard]] std::string_view name_of(severity level) noexcept;

} // namespace modelmesh::connector
