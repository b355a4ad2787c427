#include <modelmesh/connector/sinks.hpp>

#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace modelmesh::connector {
namespace {

constexpr std::string_view numbers[] = {"attempt",          "attempts",       "latency_ms",
                                        "first_content_ms", "input_tokens",   "output_tokens",
                                        "cost_micro_usd",   "percent",        "count",
                                        "delay_ms",         "received_bytes", "seconds",
                                        "models_added",     "models_removed", "models_changed"};

// An integer, as JSON writes one.
bool is_number(std::string_view key, std::string_view value) noexcept {
    if (std::find(std::begin(numbers), std::end(numbers), key) == std::end(numbers)) return false;
    if (value.starts_with('-')) value.remove_prefix(1);
    return !value.empty() && value.size() < 19 && value.find_first_not_of("0123456789") == value.npos &&
           (value.size() == 1 || value[0] != '0');
}

// A server's text may be anything; what is not UTF-8 is shown byte by byte.
void append_text(std::string& line, std::string_view text) {
    try {
        json::append_string(line, text);
    } catch (const std::invalid_argument&) {
        std::string shown;
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x80)
                shown += c;
            else
                shown += '?';
        }
        json::append_string(line, shown);
    }
}

class json_log_sink final : public event_sink {
public:
    explicit json_log_sink(json_log_sink_options options) : options_(std::move(options)) {}
    ~json_log_sink() override { close(); }

    result<void> write(const event& told) override {
        const std::string line = json_line(told);
        if (result<void> ready = open_for(line.size(), told.at); !ready) return ready;
        std::string_view rest = line;
        while (!rest.empty()) {
            const ::ssize_t written = ::write(file_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return failure("cannot be written");
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        size_ += line.size();
        return {};
    }
    void flush() override {
        if (file_ >= 0) ::fdatasync(file_);
    }

private:
    [[nodiscard]] fault failure(const char* what) {
        fault f(errc::storage, options_.path + ": " + what + ": " + std::strerror(errno));
        close(); // the next event tries again, from the beginning
        return f;
    }

    result<void> open_for(std::size_t more, std::chrono::system_clock::time_point now) {
        // Whether the file is still where it was is asked once in a second at most.
        if (file_ >= 0 && (now < looked_at_ || now - looked_at_ >= std::chrono::seconds(1))) {
            looked_at_ = now;
            struct ::stat there{};
            if (::stat(options_.path.c_str(), &there) != 0 || there.st_ino != inode_) close();
        }
        if (file_ >= 0 && options_.max_size > 0 && size_ > 0 && size_ + more > options_.max_size) rotate();
        if (file_ >= 0) return {};
        const std::filesystem::path folder = std::filesystem::path(options_.path).parent_path();
        std::error_code ignored; // open() tells
        if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
        file_ = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        struct ::stat opened{};
        if (file_ < 0 || ::fstat(file_, &opened) != 0) return failure("cannot be opened");
        inode_ = opened.st_ino;
        size_ = static_cast<std::uint64_t>(opened.st_size);
        looked_at_ = now;
        return {};
    }

    // PATH becomes PATH.1, that PATH.2, and so on; the oldest goes.
    void rotate() {
        close();
        const auto numbered = [this](unsigned n) { return options_.path + "." + std::to_string(n); };
        std::error_code ignored; // one that is not there; a file that cannot be moved goes on growing
        for (unsigned n = options_.max_files; n > 1; --n)
            std::filesystem::rename(numbered(n - 1), numbered(n), ignored);
        std::filesystem::rename(options_.path, numbered(1), ignored);
    }

    void close() noexcept {
        if (file_ >= 0) ::close(file_);
        file_ = -1;
    }

    json_log_sink_options options_;
    int file_ = -1;
    ::ino_t inode_ = 0;
    std::uint64_t size_ = 0;
    std::chrono::system_clock::time_point looked_at_{};
};

} // namespace

std::string json_line(const event& told) {
    std::string line = "{\"version\":1,\"sequence\":" + std::to_string(told.sequence) + ",\"timestamp\":\"" +
                       timestamp(told.at) + "\",\"severity\":\"";
    line.append(name_of(told.level)).append("\",\"event\":");
    append_text(line, told.name);
    std::string fields;
    for (const log_field& each : told.fields) {
        if (each.key == "request_id") {
            line += ",\"request_id\":";
            append_text(line, each.value);
            continue;
        }
        fields += fields.empty() ? "" : ",";
        append_text(fields, each.key);
        fields += ':';
        if (is_number(each.key, each.value))
            fields += each.value;
        else
            append_text(fields, each.value);
    }
    return line + ",\"fields\":{" + fields + "}}\n";
}

result<std::unique_ptr<event_sink>> make_json_log_sink(const json_log_sink_options& options,
                                                       log_sink* /*log*/) {
    if (options.path.empty()) return fault(errc::config, "a JSON log needs a path");
    return std::unique_ptr<event_sink>(std::make_unique<json_log_sink>(options));
}

} // namespace modelmesh::connector
