// A sink of one's own: counts what each model was asked and said, in the form that Prometheus reads.
//   custom_sink ["question"]      with OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST or VLLM_HOST set
#include <modelmesh/connector/observability.hpp>
#include <modelmesh/event_hub.hpp>
#include <modelmesh/modelmesh.hpp>

#include <iostream>
#include <map>

namespace mm = modelmesh;

class totals final : public mm::connector::event_sink {
public:
    // On the hub's thread, so that nothing waits for it. Secrets are out of the fields already.
    mm::result<void> write(const mm::connector::event& told) override {
        std::string_view model;
        std::string_view tokens = "0";
        for (const mm::log_field& field : told.fields) {
            if (field.key == "model") model = field.value;
            if (field.key == "output_tokens") tokens = field.value;
        }
        of_model& its = models_[std::string(model)];
        its.requests += 1;
        its.output_tokens += std::stol(std::string(tokens));
        return {};
    }
    void flush() override { // a server would answer with this
        for (const auto& [model, its] : models_)
            std::cout << "requests_total{model=\"" << model << "\"} " << its.requests
                      << "\noutput_tokens_total{model=\"" << model << "\"} " << its.output_tokens << "\n";
    }

private:
    struct of_model {
        long requests = 0;
        long output_tokens = 0;
    };
    std::map<std::string, of_model> models_;
};

int main(int argc, char** argv) try {
    mm::sink_plan plan;
    plan.sink = std::make_shared<totals>();
    plan.events = mm::event_filter({"request.success"}); // modelmesh/core/events.hpp lists the others
    mm::event_hub hub({plan});

    mm::client_options options;
    options.log = &hub;
    mm::client client = mm::create(mm::detect("chat-completion"), options);
    mm::chat::request request{"chat-completion", {mm::chat::user(argc > 1 ? argv[1] : "Who are you?")}};
    for (int i = 0; i < 2; ++i) (void)mm::run(client.chat.completions.create(request));
    hub.flush();
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
