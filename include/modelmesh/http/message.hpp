// HTTP messages as plain values: what a provider connector writes and reads. No sockets here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::http {

struct header {
    std::string name;
    std::string value;
};

/// Header fields in the order they were added. Names compare without case. Lookup is linear: messages have
/// few.
class headers {
public:
    headers() = default;

    /// Value of the first field of this name, or an empty view; valid until the fields change.
    [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
    [[nodiscard]] bool contains(std::string_view name) const noexcept;
    /// Adds a field, also when one of this name exists.
    void add(std::string_view name, std::string_view value);
    /// Replaces every field of this name.
    void set(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    void clear() noexcept { fields_.clear(); }

    [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
    [[nodiscard]] auto end() const noexcept { return fields_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }

private:
    std::vector<header> fields_;
};

/// A request relative to an origin. `target` is the path with its query, as it goes on the wire.
class request {
public:
    request() = default;
    std::string method = "GET";
    std::string target = "/";
    http::headers headers;
    std::string body;
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
