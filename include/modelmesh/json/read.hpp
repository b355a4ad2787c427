// Reading JSON into C++ types: aggregates, and the member types of json/types.hpp.
//
// What is accepted: RFC 8259, strictly; one value, with nothing but white space around it. Invalid UTF-8,
// lone surrogates, a named member given twice, a number that the member's type cannot hold exactly: all are
// errors. Members that a type does not name go to its json::extra, else they are checked and skipped. A
// member that is absent gets the value it has in a default-constructed object.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace modelmesh::json {

/// Bounds of one document; more is an error.
struct limits {
    std::size_t depth = 128;         ///< arrays and objects inside each other, at most 1024
    std::size_t string = 64u << 20;  ///< bytes of one string, as written
    std::size_t elements = 1u << 20; ///< elements of one array, members of one object
    std::size_t total = 64u << 20;   ///< bytes of the document
};

enum class unknown_members : bool { keep_or_skip, reject };

/// Of members whose type is none that may be absent.
enum class missing_members : bool { use_default, reject };

/// What is made of a member that is not quite of its type. `lenient` is for what servers answer: null counts
/// as absent where the type has no null, and a number loses its fraction where the type is an integer.
enum class exactness : bool { strict, lenient };

/// How to read. Has a constructor, so that g++ 12 accepts it in a `co_await` expression.
class read_options {
public:
    read_options() = default;
    explicit read_options(errc failure) : kind(failure) {}
    [[nodiscard]] static const read_options& standard() noexcept;
    /// The same, lenient.
    [[nodiscard]] static const read_options& lenient() noexcept;

    json::limits limits{};
    unknown_members unknown = unknown_members::keep_or_skip; ///< for types without json::extra
    missing_members missing = missing_members::use_default;
    json::exactness exactness = json::exactness::strict;
    errc kind = errc::protocol; ///< kind of every failure
};

namespace detail {
// Reads with a reader that the thread keeps.
result<void> read_once(std::string_view bytes, void* target, const descriptor& type,
                       const read_options& options);
// The same of a document of which so many bytes have arrived; what is behind them only ends it. Of what it cuts off,
// a value that cannot be told yet counts as absent: an enumerator by half its name, a variant's object without tag.
result<void> read_beginning(std::string_view bytes, std::size_t arrived, void* target, const descriptor& type,
                            const read_options& options);
} // namespace detail

/// Reads documents one after the other, reusing its memory: after the first few, reading allocates only what
/// the target needs, and nothing when the target is reused and holds views. Views in the target are valid
/// until the next read with the same reader, and while the bytes read are. Threads: one at a time.
class reader {
public:
    reader();
    ~reader();
    reader(reader&&) noexcept;
    reader& operator=(reader&&) noexcept;

    /// Reads one document. Views in the target point into the bytes, those of strings with escapes into the
    /// reader. After a failure the target is valid but unspecified.
    /// Errors: options.kind, naming the JSON pointer and the offset.
    template <class T>
    [[nodiscard]] result<void> read(std::string_view bytes, T& target,
                                    const read_options& options = read_options::standard()) {
        return read_erased(bytes, bytes.size(), &target, detail::describe<T>(), options);
    }

private:
    friend result<void> detail::read_beginning(std::string_view, std::size_t, void*,
                                               const detail::descriptor&, const read_options&);
    result<void> read_erased(std::string_view bytes, std::size_t arrived, void* target,
                             const detail::descriptor& type, const read_options& options);
    struct state;
    std::unique_ptr<state> state_;
};

/// Reads one document with a reader of the calling thread. T holds no views.
template <class T>
[[nodiscard]] result<T> read(std::string_view bytes, const read_options& options = read_options::standard()) {
    result<T> out{boost::system::in_place_value};
    if (result<void> done = detail::read_once(bytes, &*out, detail::describe<T>(), options); !done)
        out = std::move(done).error();
    return out;
}

/// Checks that the bytes are one valid JSON value within the limits.
[[nodiscard]] result<void> validate(std::string_view bytes,
                                    const read_options& options = read_options::standard());

} // namespace modelmesh::json
