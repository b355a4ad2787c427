// State that ends with the program: for tests, and for clients that follow each other in one process.
#pragma once

#include <modelmesh/connector/storage.hpp>
#include <modelmesh/core/log.hpp>

#include <map>
#include <memory>

namespace modelmesh::connector {

struct memory_storage_options {};

class memory_storage final : public storage {
public:
    static result<std::unique_ptr<storage>> make(const memory_storage_options& options, log_sink* log);

    result<std::optional<std::string>> load(std::string_view key) override;
    result<void> save(std::span<const storage_entry> entries, const lock_handle* under) override;
    result<std::vector<std::string>> list(std::string_view prefix) override;
    result<bool> remove(std::string_view key) override;
    result<std::optional<storage_stat>> stat(std::string_view key) override;
    result<lock_handle> acquire(std::string_view key) override;
    result<void> release(const lock_handle& held) override;

private:
    struct kept {
        std::string data;
        std::chrono::system_clock::time_point modified;
    };
    std::map<std::string, kept, std::less<>> entries_;
    std::map<std::string, std::uint64_t, std::less<>> locks_; ///< token of the holder
    std::uint64_t last_token_ = 0;
};

} // namespace modelmesh::connector
