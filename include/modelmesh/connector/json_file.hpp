// C++ values in files, for connectors that keep something.
#pragma once

#include <modelmesh/connector/atomic_file.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <optional>
#include <string>
#include <utility>

namespace modelmesh::connector {

/// Reads a file of JSON; nothing when there is none. Blocks.
/// Errors: storage, naming the file: it cannot be read, or is not what T says (with the place in it).
template <class T> [[nodiscard]] result<std::optional<T>> read_json_file(const std::string& path) {
    const auto text = read_whole_file(path);
    if (!text) return text.error();
    if (!*text) return std::optional<T>();
    result<T> value = json::read<T>(**text, json::read_options(errc::storage));
    if (value) return std::optional<T>(std::move(*value));
    fault wrong = value.error();
    wrong.message = "'" + path + "': " + wrong.message;
    return wrong;
}

/// Puts a value in the place of what the file has, as write_file_atomically does.
/// Errors: the same. @throws std::invalid_argument  what JSON cannot say: a text that is not UTF-8.
template <class T> [[nodiscard]] result<void> write_json_file(const std::string& path, const T& value) {
    return write_file_atomically(path, json::write(value));
}

} // namespace modelmesh::connector
