// HTTP messages as plain values: what a provider connector writes and reads. No sockets here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::http {

/// One field of `headers`; valid until they change.
struct header {
    std::string_view name;
    std::string_view value;
};

/// Header fields in the order they were added. Names compare without case. Lookup is linear: messages have
/// few. All text is in one buffer, which clear() keeps: refilling allocates nothing. Together below 4 GiB.
class headers {
    struct place {
        std::uint32_t at; ///< of the name; the value follows
        std::uint32_t name;
        std::uint32_t value;
    };

public:
    class iterator {
    public:
        using iterator_concept = std::forward_iterator_tag;
        using iterator_category = std::input_iterator_tag; // it refers to no object
        using value_type = header;
        using difference_type = std::ptrdiff_t;
        using reference = header;

        iterator() = default;
        [[nodiscard]] header operator*() const noexcept { return of_->at(*place_); }
        iterator& operator++() noexcept {
            ++place_;
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++place_;
            return before;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.place_ == b.place_; }

    private:
        friend class headers;
        iterator(const headers* of, const place* p) noexcept : of_(of), place_(p) {}
        const headers* of_ = nullptr;
        const place* place_ = nullptr;
    };

    headers() = default;

    /// Value of the first field of this name, or an empty view; valid until the fields change.
    [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
    [[nodiscard]] bool contains(std::string_view name) const noexcept;
    /// Adds a field, also when one of this name exists.
    void add(std::string_view name, std::string_view value);
    /// Replaces every field of this name.
    void set(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    void clear() noexcept {
        places_.clear();
        text_.clear();
    }

    [[nodiscard]] iterator begin() const noexcept { return {this, places_.data()}; }
    [[nodiscard]] iterator end() const noexcept { return {this, places_.data() + places_.size()}; }
    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

private:
    [[nodiscard]] header at(const place& p) const noexcept {
        const char* const name = text_.data() + p.at;
        return {{name, p.name}, {name + p.name, p.value}};
    }

    std::vector<place> places_;
    std::string text_; ///< names and values, also of removed fields
};

class body_source;

/// A request relative to an origin. `target` is the path with its query, as it goes on the wire.
class request {
public:
    request() = default;
    std::string method = "GET";
    std::string target = "/";
    http::headers headers;
    std::string body;
    std::shared_ptr<body_source> source; ///< of the body, read while it is sent; `body` is empty then
    /// The server may be sent this twice without harm, so it may go out behind others on one connection.
    bool is_replayable = false;
    /// Not even where a kept connection died under it without a byte of an answer, which is otherwise taken for
    /// one that had ended before: whoever asked decides whether to ask again.
    bool is_sent_once = false;
};

/// A whole response.
class response {
public:
    response() = default;
    int status = 0;
    http::headers headers;
    std::string body;
};

/// ASCII comparison without case, as HTTP field names compare.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;

} // namespace modelmesh::http
