// A secret store of one's own: a folder with a file for each secret, as Docker and Kubernetes mount them.
//   custom_secret_store FILE.yaml      for example with
//     secrets: {store: acme.folder.v1, folder: /run/secrets}
//     providers: {openai.llm.v1: {api_key: "${secrets:OPENAI_API_KEY}"}}
#include <modelmesh/config/load.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/modelmesh.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

namespace mm = modelmesh;

// What the configuration says under `secrets`: members are the keys.
struct folder_options {
    std::string folder = "/run/secrets";
};

class folder_secrets final : public mm::connector::secret_store {
public:
    explicit folder_secrets(std::filesystem::path folder) : folder_(std::move(folder)) {}

    mm::result<std::optional<std::string>> get(std::string_view name) const override {
        if (name.find('/') != name.npos) return mm::fault(mm::errc::config, "no name of a secret");
        std::ifstream file(folder_ / name, std::ios::binary);
        if (!file) return std::optional<std::string>(); // there is no such secret
        std::string text(std::istreambuf_iterator<char>(file), {});
        if (text.ends_with('\n')) text.pop_back();
        return std::optional<std::string>(std::move(text));
    }

private:
    std::filesystem::path folder_;
};

mm::result<std::unique_ptr<mm::connector::secret_store>> open_folder(const folder_options& options,
                                                                     mm::log_sink*) {
    if (!std::filesystem::is_directory(options.folder))
        return mm::fault(mm::errc::config, "the folder '" + options.folder + "' does not exist");
    return std::make_unique<folder_secrets>(options.folder);
}

} // namespace

int main(int argc, char** argv) try {
    mm::connector::registry connectors;
    mm::connector::register_builtin(connectors);
    connectors.add_secret_store<folder_options>("acme.folder.v1", open_folder).value();
    std::cout << mm::to_yaml(mm::load_config({argc > 1 ? argv[1] : "modelmesh.yaml"}, connectors));
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
