#include "app/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "app/config_file.h"
#include "base/strings.h"

namespace banyan {
namespace {

// Names of flags as typed ("--trials"), for suggestions.
std::vector<std::string> FlagNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Validators that say what is wanted. Their text follows the flag's name.
CLI::Validator Number(double low, double high) {
  return CLI::Validator(
      [low, high](const std::string& text) {
        double value = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool good = failure == std::errc() && end == text.data() + text.size() &&
                          value >= low && value <= high;
        return good ? std::string()
                    : fmt::format("'{}' is not a number from {} to {}", text, low, high);
      },
      "");
}
CLI::Validator Whole(uint64_t low, uint64_t high) {
  return CLI::Validator(
      [low, high](const std::string& text) {
        uint64_t value = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool good = failure == std::errc() && end == text.data() + text.size() &&
                          value >= low && value <= high;
        return good ? std::string()
                    : fmt::format("'{}' is not a whole number from {} to {}", text, low, high);
      },
      "");
}

void AddMachineFlags(CLI::App& app, MachineOptions& machine) {
  app.add_option("--target", machine.target,
                 "host, or any TVM target text or JSON (for example 'llvm -mcpu=skylake-avx512')")
      ->type_name("TEXT");
  app.add_option("--cores", machine.cores, "Cores of the target, 1 to 1024")
      ->type_name("N")
      ->check(Whole(1, 1024));
  app.add_option("--number", machine.timing.number, "Kernel calls in a sample, at least")
      ->type_name("N")
      ->check(Whole(1, 1'000'000));
  app.add_option("--repeat", machine.timing.repeat, "Samples of a candidate while searching")
      ->type_name("N")
      ->check(Whole(1, 1000));
  app.add_option("--min-repeat-ms", machine.timing.min_repeat_ms, "Time of a sample, at least")
      ->type_name("MS")
      ->check(Number(0.0, 60'000.0));
}

// The whole grammar of the command line, bound to the options it fills.
class Parser {
 public:
  Parser() : app_("Banyan finds fast schedules for tensor programs.", "banyan") {
    app_.require_subcommand(0, 1);
    app_.set_help_flag("-h,--help", "Print this help and exit");
    app_.set_version_flag("--version", std::string("see `banyan version`"));
    app_.footer("Start with `banyan tune mlp`. `banyan COMMAND --help` shows examples.");
    AddTune();
    AddApply();
    AddRunCommands();
    AddStudy();
    AddOthers();
  }

  Result<CommandLine> Parse(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
    try {
      app_.parse(arguments);
    } catch (const CLI::CallForHelp&) {
      return Help();
    } catch (const CLI::CallForVersion&) {
      return Version();
    } catch (const CLI::ExtrasError&) {
      return Extra();
    } catch (const CLI::ParseError& error) {
      return InvalidArgument(OneLine(error.what()) + SeeHelp());
    }
    const CLI::App* chosen = Chosen();
    if (chosen == nullptr) return Help();
    common_.command = chosen->get_name();
    return makers_.at(chosen)();
  }

 private:
  using Maker = std::function<Result<CommandLine>()>;

  // A subcommand with the common flags.
  CLI::App* Add(const std::string& name, const std::string& summary, const std::string& examples,
                bool uses_store, Maker maker) {
    CLI::App* command = app_.add_subcommand(name, summary);
    command->set_help_flag("-h,--help", "Print this help and exit");
    command->footer("Examples:\n" + examples);
    command->add_flag("--json", common_.json, "Print one JSON object, for machines");
    command->add_flag("-q,--quiet", common_.quiet, "No progress on stderr");
    command->add_option("--log-level", common_.log_level, "debug, info, warn, error or off")
        ->type_name("LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}));
    if (uses_store) {
      command->add_option("--store", common_.store, "Database of runs (default: banyan.db here)")
          ->type_name("FILE");
    }
    makers_[command] = std::move(maker);
    return command;
  }

  template <typename Options>
  CommandLine Made(Options options) const {
    return {common_, std::move(options)};
  }

  void AddTune() {
    CLI::App* command = Add("tune", "Search a fast schedule for a workload",
                            "  banyan tune mlp --trials 32\n"
                            "  banyan tune mlp:T=96,H=640,I=1536 --seed 3 --json\n"
                            "  banyan tune prog.py:attention --seconds 60 --cores 1\n"
                            "  banyan tune --resume last --trials 64\n",
                            true, [this] { return MakeTune(); });
    command
        ->add_option("workload,--workload", tune_.workload,
                     "Built-in (`banyan workloads`), prog.json, prog.py or prog.py:name")
        ->type_name("WORKLOAD");
    command->add_option("--trials", tune_.trials, "Budget of candidates to build (default 32)")
        ->type_name("N")
        ->check(Whole(0, 1'000'000));
    command->add_option("--calls", tune_.calls, "Budget of requests to models (default 8)")
        ->type_name("N")
        ->check(Whole(0, 1'000'000));
    command
        ->add_option("--strong-calls", tune_.strong_calls,
                     "Budget of calls to strong models (default: that of all calls)")
        ->type_name("N")
        ->check(Whole(0, 1'000'000));
    command->add_option("--tokens", tune_.tokens, "Budget of tokens, in and out (default none)")
        ->type_name("N")
        ->check(Whole(0, 1'000'000'000'000));
    command
        ->add_option("--cost-usd", tune_.cost_usd,
                     "Budget of money by the pool's prices (default none)")
        ->type_name("USD")
        ->check(Number(0, 1e9));
    command->add_option("--seconds", tune_.seconds, "Budget of time (default none)")
        ->type_name("S")
        ->check(Number(1e-3, 1e9));
    command->add_option("--seed", tune_.seed, "Seed of inputs and of the search")
        ->type_name("N")
        ->check(Whole(0, std::numeric_limits<uint64_t>::max()));
    command
        ->add_option("--strategy", tune_.strategy,
                     "Search strategy (`banyan strategies`), or tvm-evolutionary: TVM's own search")
        ->type_name("NAME");
    command
        ->add_option(
            "--pool", tune_.pool,
            "Models that propose: built-in experts and TOML files of models, commas between")
        ->type_name("NAMES")
        ->delimiter(',');
    command
        ->add_option(
            "--set", tune_.set,
            "Another value of a part of the strategy (`banyan strategies NAME`); repeatable")
        ->type_name("FIELD=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    AddMachineFlags(*command, tune_.machine);
    command
        ->add_option("--simulate", tune_.simulate,
                     "Measure nothing: answer from the measurements in this database of runs")
        ->type_name("FILE");
    command->add_flag("--no-transfer", tune_.no_transfer, "Learn nothing from earlier runs");
    command
        ->add_option("--snapshot", tune_.snapshot,
                     "Learn from this database of runs (default: from --store)")
        ->type_name("FILE");
    command->add_option("--resume", tune_.resume, "Go on with a run: its id, its number, or last")
        ->type_name("RUN");
    command->add_option("--events", tune_.events, "Write every event as a line of JSON")
        ->type_name("FILE");
    command->add_option("--config", tune_.config, "TOML file with the same keys as the flags")
        ->type_name("FILE");
    tune_command_ = command;
  }

  Result<CommandLine> MakeTune() {
    if (!tune_.config.empty()) {
      BANYAN_RETURN_IF_ERROR(ApplyConfigFile(tune_.config, *tune_command_));
    }
    for (const CLI::Option* option : tune_command_->get_options()) {
      static const std::vector<std::string> kOfTheRun = {
          "seed",   "strategy", "pool",          "set",      "target",      "cores",
          "number", "repeat",   "min-repeat-ms", "simulate", "no-transfer", "snapshot"};
      const std::string name = option->get_lnames().empty() ? "" : option->get_lnames().front();
      if (option->count() > 0 && std::count(kOfTheRun.begin(), kOfTheRun.end(), name) > 0) {
        tune_.run_flags.push_back("--" + name);
      }
    }
    if (tune_.workload.empty() && tune_.resume.empty()) {
      return InvalidArgument(
          "tune needs a workload, for example `banyan tune mlp`; `banyan "
          "workloads` lists the built-in ones");
    }
    std::erase_if(tune_.pool, [](const std::string& name) { return name.empty(); });
    return Made(tune_);
  }

  void AddApply() {
    CLI::App* command =
        Add("apply", "Apply, check and time plans of your own",
            "  banyan apply mlp my.plan\n  banyan apply matmul:M=512 my.plan --json\n"
            "  banyan apply mlp mine.plan yours.plan    # measured in turn\n",
            true, [this]() -> Result<CommandLine> { return Made(apply_); });
    command->add_option("workload", apply_.workload, "As for `tune`")
        ->type_name("WORKLOAD")
        ->required();
    command->add_option("plan", apply_.plans, "File with one step a line; several are compared")
        ->type_name("PLAN...")
        ->required();
    command->add_option("--seed", apply_.seed, "Seed of the inputs")
        ->type_name("N")
        ->check(Whole(0, std::numeric_limits<uint64_t>::max()));
    AddMachineFlags(*command, apply_.machine);
  }

  void AddRunCommands() {
    CLI::App* explain = Add(
        "explain", "Show the tree of a run and its best plan",
        "  banyan explain last\n  banyan explain last 17 --script\n  banyan explain 3 --trace\n",
        true, [this]() -> Result<CommandLine> { return Made(explain_); });
    explain->add_option("run", explain_.run, "Run: its id, its number, or last")->type_name("RUN");
    explain->add_option("node", explain_.node, "Node of the tree (default: the best)")
        ->type_name("NODE");
    explain->add_flag("--tree", explain_.tree, "Only what is asked for: the tree");
    explain->add_flag("--words", explain_.words, "... the plan in words");
    explain->add_flag("--script", explain_.script, "... the scheduled program as TVMScript");
    explain->add_flag("--trace", explain_.trace, "... the schedule as Python statements");
    explain
        ->add_option("--call", explain_.call,
                     "Only what model call N was asked and what it answered, word for word")
        ->type_name("N")
        ->check(Whole(1, 1'000'000));
    explain->add_option("--top", explain_.top, "Nodes of the tree to show")
        ->type_name("N")
        ->check(Whole(1, 1'000'000));

    CLI::App* exporter = Add("export", "Write the best schedule for use outside Banyan",
                             "  banyan export last\n  banyan export last --out mlp-kernel\n", true,
                             [this]() -> Result<CommandLine> { return Made(export_); });
    exporter->add_option("run", export_.run, "Run: its id, its number, or last")->type_name("RUN");
    exporter->add_option("--out", export_.out, "Folder (default: banyan-export-<run id>)")
        ->type_name("DIR");

    CLI::App* replay = Add(
        "replay", "Search a run again from its journal and compare: no model, no measurement",
        "  banyan replay last\n  banyan replay 3 --json\n  banyan replay last --dump > tree.txt\n",
        true, [this]() -> Result<CommandLine> { return Made(replay_); });
    replay->add_option("run", replay_.run, "Run: its id, its number, or last")->type_name("RUN");
    replay->add_flag("--dump", replay_.dump, "Print the tree that comes of it");
    CLI::App* report =
        Add("report", "Write a page about a run or a study, to open in a browser",
            "  banyan report last\n  banyan report 3 --out mlp.html --figures figures\n"
            "  banyan report study-seed         # a folder that `banyan study` wrote\n",
            true, [this]() -> Result<CommandLine> { return Made(report_); });
    report->add_option("run", report_.run, "Run (id, number or last), or a study's folder")
        ->type_name("RUN|FOLDER");
    report->add_option("--out", report_.out, "Page (default: banyan-report-<run id>.html)")
        ->type_name("FILE");
    report->add_option("--figures", report_.figures, "Draw the figures as SVG and PNG as well")
        ->type_name("DIR");

    CLI::App* reproduce =
        Add("reproduce", "Build and run one trial again, as it was",
            "  banyan reproduce 7\n  banyan reproduce 20260131-101500-2:7 --out case-7\n", true,
            [this]() -> Result<CommandLine> { return Made(reproduce_); });
    reproduce->add_option("trial", reproduce_.trial, "N of the last run, or RUN:N")
        ->type_name("TRIAL")
        ->required();
    reproduce->add_option("--out", reproduce_.out, "Folder for the self-contained case")
        ->type_name("DIR");
  }

  void AddStudy() {
    CLI::App* study =
        Add("study", "Run matched searches and judge them, or import tables",
            "  banyan study studies/smoke.toml\n"
            "  banyan study studies/seed.toml --store seed.db    # the same again goes on\n"
            "  banyan study studies/seed.toml --tables-only\n"
            "  banyan study import tests/data/published\n",
            true, [this]() -> Result<CommandLine> { return MakeStudy(); });
    study
        ->add_option("file", study_.files,
                     "TOML file of a study; or `import` and a folder or files of CSV tables")
        ->type_name("FILE...")
        ->required();
    study->add_option("--out", study_.out, "Folder for the tables (default: study-<name>)")
        ->type_name("DIR");
    study->add_option("--baseline", study_.baseline, "Arm to compare with, of an import")
        ->type_name("ARM");
    study->add_flag("--retry-failed", study_.retry_failed, "Run failed runs again");
    study->add_flag("--tables-only", study_.tables_only, "Run nothing, write what there is");
  }

  Result<CommandLine> MakeStudy() {
    const bool import = study_.files.front() == "import";
    if (import && study_.files.size() == 1) {
      return InvalidArgument("study import needs a folder or files" + SeeHelp());
    }
    if (!import && study_.files.size() > 1) {
      return InvalidArgument(
          fmt::format("study runs one file, '{}' is one too many{}", study_.files[1], SeeHelp()));
    }
    if (!import && !study_.baseline.empty()) {
      return InvalidArgument("--baseline is for an import; a study's file names its own");
    }
    return Made(study_);
  }

  void AddOthers() {
    Add("workloads", "List the built-in workloads and their sizes",
        "  banyan workloads\n  banyan workloads --json\n", false,
        [this]() -> Result<CommandLine> { return Made(WorkloadsOptions{}); });
    CLI::App* strategies =
        Add("strategies", "List the search strategies, or all parts of one",
            "  banyan strategies\n  banyan strategies colt\n"
            "  banyan tune mlp --strategy banyan --set routing=round_robin\n",
            false, [this]() -> Result<CommandLine> { return Made(strategies_); });
    strategies->add_option("name", strategies_.name, "Show every part of this one")
        ->type_name("NAME");
    CLI::App* models = Add("models", "List the models of a pool, and whether they can be used",
                           "  banyan models\n  banyan models examples/pools/cloud.toml --ping\n"
                           "  banyan models mine.toml#small builtin:analytic --json\n",
                           false, [this]() -> Result<CommandLine> { return Made(models_); });
    models->add_option("models", models_.items, "Files, FILE#NAME or names of built-in experts")
        ->type_name("MODELS");
    models->add_flag("--ping", models_.ping, "Ask each one a small question (it may cost money)");
    CLI::App* schema = Add("schema", "Print the JSON schemas of plan steps, replies and events",
                           "  banyan schema\n  banyan schema --of plan\n", false,
                           [this]() -> Result<CommandLine> { return Made(schema_); });
    schema->add_option("--of", schema_.of, "plan, reply or event (default: all three)")
        ->type_name("WHAT")
        ->check(CLI::IsMember({"plan", "reply", "event"}));
    Add("doctor", "Check this machine: CPU, TVM, permissions, noise, disk",
        "  banyan doctor\n  banyan doctor --json\n", true,
        [this]() -> Result<CommandLine> { return Made(DoctorOptions{}); });
    Add("version", "Print versions", "  banyan version\n", false,
        [this]() -> Result<CommandLine> { return Made(VersionOptions{}); });
    // An empty group hides it: only the worker pool runs this.
    Add("worker", "Build and run kernels for another banyan", "", false,
        [this]() -> Result<CommandLine> { return Made(WorkerOptions{}); })
        ->group("");
  }

  CLI::App* Chosen() const {
    const auto chosen = app_.get_subcommands();
    return chosen.empty() ? nullptr : chosen.front();
  }
  std::string SeeHelp() const {
    const CLI::App* chosen = Chosen();
    return fmt::format("; see `banyan {}--help`", chosen ? chosen->get_name() + " " : "");
  }
  Result<CommandLine> Help() {
    const CLI::App* chosen = Chosen();
    return Made(HelpText{chosen ? chosen->help("banyan") : app_.help()});
  }
  Result<CommandLine> Version() { return Made(VersionOptions{}); }

  // Something that is no flag, command or argument.
  Error Extra() const {
    const CLI::App* chosen = Chosen();
    const std::vector<std::string> extras = app_.remaining(true);
    const auto flag = std::find_if(extras.begin(), extras.end(), [](const std::string& text) {
      return text.size() > 1 && text[0] == '-';
    });
    if (flag != extras.end()) {
      const std::string name = flag->substr(0, flag->find('='));
      return InvalidArgument(fmt::format("unknown flag '{}'{}{}", name,
                                         DidYouMean(name, FlagNames(chosen ? *chosen : app_)),
                                         SeeHelp()));
    }
    const std::string what = extras.empty() ? std::string() : extras.front();
    if (chosen != nullptr) {
      return InvalidArgument(
          fmt::format("{} takes no argument '{}'{}", chosen->get_name(), what, SeeHelp()));
    }
    std::vector<std::string> commands;
    for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; })) {
      if (!command->get_group().empty()) commands.push_back(command->get_name());
    }
    return InvalidArgument(
        fmt::format("unknown command '{}'{}{}", what, DidYouMean(what, commands), SeeHelp()));
  }

  CLI::App app_;
  CLI::App* tune_command_ = nullptr;
  std::map<const CLI::App*, Maker> makers_;
  CommonOptions common_;
  TuneOptions tune_;
  ApplyOptions apply_;
  ExplainOptions explain_;
  ExportOptions export_;
  ReplayOptions replay_;
  ReportOptions report_;
  ReproduceOptions reproduce_;
  StudyCommandOptions study_;
  StrategiesOptions strategies_;
  ModelsOptions models_;
  SchemaOptions schema_;
};

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  return Parser().Parse(arguments);
}

bool AsksForJson(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
}

}  // namespace banyan
