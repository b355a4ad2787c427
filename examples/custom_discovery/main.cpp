// A discovery of one's own: of the models that a server lists, those that the program knows, for what it knows of them.
//   custom_discovery NAME=CAPABILITY...      with OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/connector/discovery.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/json/write.hpp>
#include <modelmesh/modelmesh.hpp>
#include <modelmesh/router/capability.hpp>

#include <iostream>
#include <map>

namespace mm = modelmesh;

// What a configuration says under `discovery`: members are the keys.
struct known_models {
    std::map<std::string, std::string> models{};
};

// Where the list is not the server's own, derive from connector::discovery instead, whose one function makes it.
class known_discovery final : public mm::connector::server_discovery {
public:
    explicit known_discovery(known_models of) : known_(std::move(of)) {}

protected:
    bool take(const mm::connector::discovered_provider&, mm::connector::model_info& listed) const override {
        const auto known = known_.models.find(listed.name);
        if (known == known_.models.end()) return false;
        listed.capabilities = {mm::capability::canonical(known->second).value()};
        return true;
    }

private:
    const known_models known_;
};

int main(int argc, char** argv) try {
    mm::connector::registry connectors;
    mm::connector::register_builtin(connectors);
    connectors
        .add_discovery<known_models>("acme.known.v1",
                                     [](const known_models& options, mm::log_sink*) {
                                         return std::make_unique<known_discovery>(options);
                                     })
        .value();

    known_models known;
    for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc))
        known.models[argument.substr(0, argument.find('='))] = argument.substr(argument.find('=') + 1);
    mm::config config = mm::detect("chat-completion");
    config.discovery.connector = "acme.known.v1"; // asked again after each sync_interval
    config.discovery.options.text = mm::json::write(known);
    mm::client client = mm::create(config, connectors);
    mm::run(client.ready());
    std::cout << client.describe();
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
