#include <modelmesh/connector/sinks.hpp>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace modelmesh::connector {
namespace {

constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";

std::string_view color_of(severity level) noexcept {
    switch (level) {
    case severity::debug:
        return dim;
    case severity::info:
        return "\x1b[34m";
    case severity::warning:
        return "\x1b[33m";
    case severity::error:
        return "\x1b[31m";
    case severity::critical:
        break;
    }
    return "\x1b[41;37m";
}

void append_value(std::string& line, std::string_view value) {
    const bool needs_quotes = value.empty() || value.find_first_of(" \"=") != value.npos;
    if (needs_quotes) line += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            line += "\\n";
        } else if (byte < 0x20 || byte == 0x7f) {
            constexpr char digits[] = "0123456789abcdef";
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        } else {
            if (c == '"') line += '\\';
            line += c;
        }
    }
    if (needs_quotes) line += '"';
}

class console_sink final : public event_sink {
public:
    explicit console_sink(console_sink_options options)
        : options_(std::move(options)), in_color_(options_.use_color && std::getenv("NO_COLOR") == nullptr &&
                                                  ::isatty(STDERR_FILENO) == 1) {}

    result<void> write(const event& told) override {
        const std::string line = console_line(told, options_, in_color_);
        std::string_view rest = line;
        while (!rest.empty()) {
            const ::ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0)
                return fault(errc::storage, std::string("standard error: ") + std::strerror(errno));
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        return {};
    }

private:
    console_sink_options options_;
    bool in_color_;
};

} // namespace

std::string console_line(const event& told, const console_sink_options& options, bool in_color) {
    std::string line;
    const auto colored = [&](std::string_view color, std::string_view text) {
        if (in_color) line += color;
        line += text;
        if (in_color) line += plain;
        line += ' ';
    };
    if (options.show_timestamp) colored(dim, timestamp(told.at).substr(11, 12));
    if (!options.prefix.empty()) line.append(options.prefix).append(" ");
    std::string level(name_of(told.level));
    for (char& c : level) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    colored(color_of(told.level), level);
    colored(bold, told.name);
    for (const log_field& each : told.fields) {
        line.append(each.key).append("=");
        append_value(line, each.value);
        line += ' ';
    }
    line.back() = '\n'; // of the blank
    return line;
}

result<std::unique_ptr<event_sink>> make_console_sink(const console_sink_options& options,
                                                      log_sink* /*log*/) {
    return std::unique_ptr<event_sink>(std::make_unique<console_sink>(options));
}

} // namespace modelmesh::connector
