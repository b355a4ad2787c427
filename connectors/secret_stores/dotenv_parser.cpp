#include "dotenv_parser.hpp"

#include <algorithm>

namespace modelmesh::connector {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) noexcept { return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; }

class dotenv_reader {
public:
    explicit dotenv_reader(std::string_view text) : text_(text) {
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    }

    result<std::map<std::string, std::string, std::less<>>> all() {
        while (at_ < text_.size()) {
            skip_blanks();
            if (!at_end() && text_[at_] != '#')
                if (const result<void> read = entry(); !read) return read.error();
            skip_line();
        }
        return std::move(entries_);
    }

private:
    [[nodiscard]] bool at_end() const noexcept {
        return at_ == text_.size() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n";
    }
    void skip_blanks() noexcept {
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    }
    void skip_line() noexcept {
        at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
        ++line_;
    }
    [[nodiscard]] fault wrong(std::string_view what, std::size_t line) const {
        return fault(errc::config, "line " + std::to_string(line) + ": " + std::string(what));
    }

    std::string_view name() noexcept {
        const std::size_t first = at_;
        if (at_ < text_.size() && is_letter(text_[at_]))
            while (at_ < text_.size() && is_name(text_[at_])) ++at_;
        return text_.substr(first, at_ - first);
    }

    result<void> entry() {
        std::string_view key = name();
        if (key == "export" && at_ < text_.size() && is_blank(text_[at_])) {
            skip_blanks();
            if (at_ == text_.size() || text_[at_] != '=') key = name(); // else a variable of this name
        }
        skip_blanks();
        if (key.empty() || at_ == text_.size() || text_[at_] != '=')
            return wrong("NAME=value is expected, with a name of letters, digits, '_', '.' and '-'", line_);
        ++at_;
        skip_blanks();
        result<std::string> value = at_end() ? result<std::string>("") : this->value();
        if (!value) return value.error();
        entries_.insert_or_assign(std::string(key), std::move(*value));
        return {};
    }

    result<std::string> value() {
        const char quote = text_[at_];
        if (quote != '"' && quote != '\'') return bare();
        const std::size_t began = line_;
        ++at_;
        std::string value;
        for (;; ++at_) {
            if (at_ == text_.size()) return wrong("a quote that is not closed", began);
            char c = text_[at_];
            if (c == quote) break;
            if (c == '\n') ++line_;
            if (quote == '"' && c == '\\' && at_ + 1 < text_.size()) {
                if (escape(value)) continue;
            } else if (c == '\r' && text_.substr(at_, 2) == "\r\n") {
                continue;
            }
            value += c;
        }
        ++at_;
        skip_blanks();
        if (!at_end() && text_[at_] != '#')
            return wrong("text behind a closed quote; a comment begins with #", line_);
        return value;
    }

    // At a backslash: takes it and what it stands before. False: it is a character like others.
    bool escape(std::string& value) {
        constexpr std::string_view letters = "nrt\"\\$\n";
        constexpr std::string_view meaning = "\n\r\t\"\\$";
        const bool is_long = text_.substr(at_ + 1, 2) == "\r\n";
        const std::size_t which = letters.find(is_long ? '\n' : text_[at_ + 1]);
        if (which == letters.npos) return false;
        if (which < meaning.size())
            value += meaning[which];
        else
            ++line_;
        at_ += is_long ? 2 : 1;
        return true;
    }

    std::string bare() {
        std::string value;
        bool is_joined = true;
        while (is_joined && at_ < text_.size()) {
            const std::size_t first = at_;
            std::size_t last = first;
            while (!at_end()) {
                const bool is_comment = text_[at_] == '#' && (at_ == 0 || is_blank(text_[at_ - 1]));
                if (is_comment) break;
                if (!is_blank(text_[at_++])) last = at_;
            }
            is_joined = at_end() && last > first && text_[last - 1] == '\\';
            value += text_.substr(first, last - first);
            if (is_joined) {
                value.pop_back();
                skip_line();
            }
        }
        return value;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::map<std::string, std::string, std::less<>> entries_;
};

} // namespace

result<std::map<std::string, std::string, std::less<>>> parse_dotenv(std::string_view text) {
    return dotenv_reader(text).all();
}

} // namespace modelmesh::connector
