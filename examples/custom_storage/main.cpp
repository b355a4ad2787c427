// A storage of one's own: everything in one JSON file, which is whole at any time. For one client at a time: all locks are free.
//   custom_storage FILE.json      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set; run it twice
#include <modelmesh/connector/json_file.hpp>
#include <modelmesh/core/base64.hpp>
#include <modelmesh/modelmesh.hpp>

#include <iostream>
namespace mm = modelmesh;

class json_file final : public mm::connector::storage {
public:
    explicit json_file(std::string path) : path_(std::move(path)) {
        if (auto kept = mm::connector::read_json_file<decltype(entries_)>(path_).value())
            entries_ = std::move(*kept);
    }
    mm::result<std::optional<std::string>> load(std::string_view key) override {
        const auto found = entries_.find(std::string(key));
        if (found == entries_.end()) return std::optional<std::string>();
        return std::optional(mm::base64::decode(found->second).value());
    }
    mm::result<void> save(std::span<const mm::connector::storage_entry> entries,
                          const mm::connector::lock_handle*) override {
        for (const auto& each : entries) entries_[each.key] = mm::base64::encode(each.data);
        return mm::connector::write_json_file(path_, entries_);
    }
    mm::result<std::vector<std::string>> list(std::string_view prefix) override {
        std::vector<std::string> keys;
        for (const auto& [key, data] : entries_)
            if (key.starts_with(prefix)) keys.push_back(key);
        return keys;
    }
    mm::result<bool> remove(std::string_view key) override { return entries_.erase(std::string(key)) > 0; }
    mm::result<std::optional<mm::connector::storage_stat>> stat(std::string_view key) override {
        const auto data = load(key).value();
        return data ? std::optional(mm::connector::storage_stat{data->size(), {}}) : std::nullopt;
    }
    mm::result<mm::connector::lock_handle> acquire(std::string_view key) override {
        return mm::connector::lock_handle{std::string(key), 1};
    }
    mm::result<void> release(const mm::connector::lock_handle&) override { return {}; }

private:
    std::string path_;
    std::map<std::string, std::string> entries_;
};

int main(int argc, char** argv) try {
    mm::config config = mm::detect("chat-completion");
    config.storage.instance = std::make_shared<json_file>(argc > 1 ? argv[1] : "modelmesh.json");
    mm::client client = mm::create(config);
    const mm::chat::request request{"chat-completion", {mm::chat::user("Who are you?")}};
    mm::run(client.chat.completions.create(request));
    std::cout << client.usage().all.total.requests << " requests so far\n";
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
