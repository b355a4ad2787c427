// The form of multipart/form-data: RFC 7578 over RFC 2046, with names written as browsers write them.
#include <modelmesh/http/form_data.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

namespace modelmesh::http {
namespace {

using piece = std::optional<std::string_view>;

constexpr std::string_view line_end = "\r\n";

std::string disposition(std::string_view name) {
    std::string head("Content-Disposition: form-data; name=\"");
    head.append(name).append("\"");
    return head;
}

std::string escaped(std::string_view name) {
    std::string text;
    text.reserve(name.size());
    for (const char c : name) {
        switch (c) {
        case '"':
            text += "%22";
            break;
        case '\r':
            text += "%0D";
            break;
        case '\n':
            text += "%0A";
            break;
        default:
            text += c;
        }
    }
    return text;
}

// Text between the files, and the files.
class form_source final : public body_source {
public:
    class section {
    public:
        std::string text;                    // goes first
        std::shared_ptr<body_source> source; // null at the end of the form
    };

    explicit form_source(std::vector<section> sections) : sections_(std::move(sections)) {
        std::uint64_t sum = 0;
        for (const section& each : sections_) {
            sum += each.text.size();
            if (!each.source) continue;
            const std::optional<std::uint64_t> length = each.source->length();
            if (!length) return;
            sum += *length;
        }
        length_ = sum;
    }

    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override { return length_; }

    [[nodiscard]] task<result<piece>> read() override {
        while (next_ < sections_.size()) {
            section& current = sections_[next_];
            if (!std::exchange(is_text_read_, true)) co_return piece(current.text);
            if (current.source) {
                result<piece> got = co_await current.source->read();
                if (!got || *got) co_return got;
            }
            ++next_;
            is_text_read_ = false;
        }
        co_return piece();
    }

    [[nodiscard]] bool rewind() override {
        next_ = 0;
        is_text_read_ = false;
        return std::all_of(sections_.begin(), sections_.end(),
                           [](const section& each) { return !each.source || each.source->rewind(); });
    }

private:
    std::vector<section> sections_;
    std::optional<std::uint64_t> length_;
    std::size_t next_ = 0;
    bool is_text_read_ = false; // of the next section
};

} // namespace

void form_data::add_field(std::string_view name, std::string_view value) {
    part added;
    added.head = disposition(escaped(name));
    added.head.append(line_end).append(line_end);
    added.value = value;
    parts_.push_back(std::move(added));
}

void form_data::add_file(std::string_view name, std::string_view file_name, std::string_view content_type,
                         std::shared_ptr<body_source> source) {
    if (!source) throw std::invalid_argument("form_data::add_file: a part without a source");
    const bool is_clean = std::none_of(content_type.begin(), content_type.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
    if (!is_clean) throw std::invalid_argument("form_data::add_file: a control character in a content type");
    part added;
    added.head = disposition(escaped(name));
    added.head.append("; filename=\"").append(escaped(file_name)).append("\"").append(line_end);
    if (!content_type.empty()) added.head.append("Content-Type: ").append(content_type).append(line_end);
    added.head.append(line_end);
    added.source = std::move(source);
    parts_.push_back(std::move(added));
}

// 128 random bits: no file has them by chance. Values are at hand, so they are looked at.
std::string form_data::choose_boundary() const {
    constexpr std::string_view digits = "0123456789abcdef";
    for (;;) {
        std::string boundary("----modelmesh-");
        for (int word = 0; word < 2; ++word) {
            const std::uint64_t bits = random_.next();
            for (unsigned shift = 0; shift < 64; shift += 4) boundary += digits[(bits >> shift) & 15];
        }
        const bool is_taken = std::any_of(parts_.begin(), parts_.end(), [&boundary](const part& each) {
            return each.value.find(boundary) != std::string::npos ||
                   each.head.find(boundary) != std::string::npos;
        });
        if (!is_taken) return boundary;
    }
}

void form_data::attach_to(request& into) && {
    const std::string boundary = choose_boundary();
    std::vector<form_source::section> sections(1);
    for (part& each : parts_) {
        std::string& text = sections.back().text;
        text.append("--").append(boundary).append(line_end).append(each.head);
        if (each.source) {
            sections.back().source = std::move(each.source);
            sections.emplace_back().text = line_end;
        } else {
            text.append(each.value).append(line_end);
        }
    }
    sections.back().text.append("--").append(boundary).append("--").append(line_end);
    parts_.clear();
    into.headers.set("Content-Type", "multipart/form-data; boundary=" + boundary);
    into.body.clear();
    into.source = std::make_shared<form_source>(std::move(sections));
}

} // namespace modelmesh::http
