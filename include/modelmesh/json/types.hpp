// Member types for wire structs that the language does not have: text kept verbatim, null, unknown members,
// open enums.
//
// All of them are classes with constructors, not aggregates, so that g++ 12 accepts them inside `co_await`
// expressions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace modelmesh::json {

/// One JSON value as text, kept as it was written. An empty text is written as null.
class raw {
public:
    raw() = default;
    /// @param json  one valid JSON value; it is written as it is.
    explicit raw(std::string json) : text(std::move(json)) {}
    std::string text;

    friend bool operator==(const raw&, const raw&) = default;
};

/// One JSON value as text that points into the reader's input; valid until the next read with the same
/// reader.
class raw_view {
public:
    raw_view() = default;
    explicit raw_view(std::string_view json) : text(json) {}
    std::string_view text;

    friend bool operator==(const raw_view&, const raw_view&) = default;
};

/// A value or JSON's null. Never absent: as a member it is always written.
template <class T> class nullable {
public:
    using value_type = T;
    nullable() = default;
    nullable(std::nullptr_t) {}
    template <class U = T>
        requires(std::is_constructible_v<T, U> && !std::is_same_v<std::remove_cvref_t<U>, nullable>)
    nullable(U&& value) : value_(std::forward<U>(value)) {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    [[nodiscard]] bool is_null() const noexcept { return !value_; }
    [[nodiscard]] T& operator*() noexcept { return *value_; }
    [[nodiscard]] const T& operator*() const noexcept { return *value_; }
    [[nodiscard]] T* operator->() noexcept { return &*value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &*value_; }
    T& emplace() { return value_.emplace(); }
    void reset() noexcept { value_.reset(); }

    friend bool operator==(const nullable&, const nullable&) = default;

private:
    std::optional<T> value_;
};

/// A member that may be absent, null, or a value, and keeps the three apart. Used like std::optional:
/// both null and absent test false. Most optional members of provider formats are of this kind, because some
/// server always writes null where another leaves the member out.
template <class T> class maybe {
public:
    using value_type = T;
    maybe() = default;
    maybe(std::nullptr_t) : null_(true) {}
    maybe(std::nullopt_t) {}
    template <class U = T>
        requires(std::is_constructible_v<T, U> && !std::is_same_v<std::remove_cvref_t<U>, maybe>)
    maybe(U&& value) : value_(std::forward<U>(value)) {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    [[nodiscard]] bool is_null() const noexcept { return null_; }
    [[nodiscard]] bool is_absent() const noexcept { return !value_ && !null_; }
    [[nodiscard]] T& operator*() noexcept { return *value_; }
    [[nodiscard]] const T& operator*() const noexcept { return *value_; }
    [[nodiscard]] T* operator->() noexcept { return &*value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &*value_; }
    template <class U> [[nodiscard]] T value_or(U&& other) const {
        return value_.value_or(std::forward<U>(other));
    }
    T& emplace() {
        null_ = false;
        return value_.emplace();
    }
    void reset() noexcept {
        value_.reset();
        null_ = false;
    }
    void set_null() noexcept {
        value_.reset();
        null_ = true;
    }

    friend bool operator==(const maybe&, const maybe&) = default;
    /// Compares the value; null and absent equal no value.
    template <class M, class U>
        requires(std::is_same_v<M, maybe> && !std::is_same_v<U, maybe> &&
                 !std::is_same_v<U, std::nullptr_t> && requires(const T& t, const U& u) { t == u; })
    friend bool operator==(const M& a, const U& b) {
        return a.has_value() && *a == b;
    }

private:
    std::optional<T> value_;
    bool null_ = false;
};

/// Members that the type does not name, in wire order. Written after the named members.
/// A struct has at most one member of this type, and its name does not appear on the wire.
class extra {
public:
    struct entry {
        std::string name{};
        raw value{};
        friend bool operator==(const entry&, const entry&) = default;
    };

    extra() = default;
    [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] const entry& operator[](std::size_t i) const noexcept { return entries_[i]; }
    /// The JSON text of a member, empty when there is none.
    [[nodiscard]] std::string_view find(std::string_view name) const noexcept {
        for (const entry& e : entries_)
            if (e.name == name) return e.value.text;
        return {};
    }
    /// Adds a member. @param json  one valid JSON value; @param name  none of the named members.
    void add(std::string_view name, std::string_view json) {
        entries_.push_back({std::string(name), raw(std::string(json))});
    }
    /// Adds a member, or gives the one of this name another value. @param  as for add().
    void set(std::string_view name, std::string_view json) {
        for (entry& e : entries_) {
            if (e.name != name) continue;
            e.value.text = json;
            return;
        }
        add(name, json);
    }
    void clear() noexcept { entries_.clear(); }

    friend bool operator==(const extra&, const extra&) = default;

private:
    std::vector<entry> entries_;
};

/// As `extra`, but pointing into the reader's input: valid until the next read with the same reader.
class extra_view {
public:
    struct entry {
        std::string_view name{};
        raw_view value{};
        friend bool operator==(const entry&, const entry&) = default;
    };

    extra_view() = default;
    [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
    [[nodiscard]] auto end() const noexcept { return entries_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] const entry& operator[](std::size_t i) const noexcept { return entries_[i]; }
    /// The JSON text of a member, empty when there is none.
    [[nodiscard]] std::string_view find(std::string_view name) const noexcept {
        for (const entry& e : entries_)
            if (e.name == name) return e.value.text;
        return {};
    }
    void add(std::string_view name, std::string_view json) { entries_.push_back({name, raw_view(json)}); }
    void clear() noexcept { entries_.clear(); }

    friend bool operator==(const extra_view&, const extra_view&) = default;

private:
    std::vector<entry> entries_;
};

} // namespace modelmesh::json
