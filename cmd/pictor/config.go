package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/memory"
)

// effective is config.Serve without its Validate, which kong would call first:
// settings that are not enough to serve with are shown all the same.
type effective config.Serve

// configCmd prints the settings that serve would have.
type configCmd struct {
	effective `embed:""`

	FromImgproxy bool `help:"Translate the variables of imgproxy in this environment (IMGPROXY_*) to a YAML file, with a comment on each."`
}

func (cmd *configCmd) Run(ctx *kong.Context, origins config.Origins, remarks *config.Remarks) error {
	if cmd.FromImgproxy {
		file, err := fromImgproxy(os.Environ())
		fmt.Print(file)
		return err
	}
	cfg := (*config.Serve)(&cmd.effective)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	found := inForce(cfg)
	for _, flag := range ctx.Flags() {
		if flag.Name == "help" || flag.Name == "version" || flag.Name == "from-imgproxy" || flag.Hidden {
			continue
		}
		text, from := fmt.Sprint(ctx.FlagValue(flag)), origins.Of(flag.Name)
		if f, ok := found[flag.Name]; ok && f.value != "" {
			text = f.value
			if f.from != "" {
				from = joinOrigins(from, f.from)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", flag.Name, displayValue(text), from)
	}
	fmt.Fprintf(w, "traces\t%s\tOTEL_… of the environment\n", describeTraces())
	if err := w.Flush(); err != nil {
		return err
	}
	for _, warning := range remarks.Warnings(os.Environ()) {
		fmt.Fprintln(os.Stderr, "pictor: warning:", warning)
	}
	return checkStartable(cfg)
}

// joinOrigins says both where a setting is from and what became of it.
func joinOrigins(from, found string) string {
	if from == "default" {
		return found
	}
	return from + ", " + found
}

// displayValue is a value in a column.
func displayValue(text string) string {
	switch text {
	case "":
		return "none"
	case "true":
		return "on"
	case "false":
		return "off"
	}
	return text
}

// checkStartable says what would keep serve from starting, but for ports,
// directories and libvips.
func checkStartable(cfg *config.Serve) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if _, err := makePlan(cfg); err != nil {
		return config.Invalid(err)
	}
	in, err := readInputs(cfg)
	if err == nil {
		in.close()
	}
	return err
}

// holds is what holds of a setting, and by what it was found.
type holds struct{ value, from string }

// inForce is what settings come to on this machine, by their names, where they
// do not say so by themselves. A value is empty where it cannot be found out;
// startable says why.
func inForce(cfg *config.Serve) map[string]holds {
	found := map[string]holds{
		"listen":         {value: cfg.Address()},
		"admin-listen":   {value: "off"},
		"allow-networks": {value: allowedNetworks(cfg.AllowNetworks, cfg.Dev).String()},
	}
	if address, must := cfg.AdminAddress(); address != "" {
		found["admin-listen"] = holds{value: address}
		if !must {
			found["admin-listen"] = holds{address, "default, if it is free"}
		}
	}
	if cfg.FetchFirstByteTimeout == 0 {
		found["fetch-first-byte-timeout"] = holds{cfg.FirstByteTimeout().String(), "half of fetch-timeout"}
	}
	if cfg.Separator == "" {
		found["arguments-separator"] = holds{value: ":"}
	}
	if path, err := findWorker(cfg.WorkerCommand); err == nil && cfg.WorkerCommand == "" {
		found["worker-command"] = holds{path, "beside pictor"}
	}
	if cfg.Dev {
		found["listen"] = holds{cfg.Address(), "--dev"}
		if cfg.Listen != "" {
			found["listen"] = holds{value: cfg.Address()}
		}
		found["allow-networks"] = holds{allowedNetworks(cfg.AllowNetworks, cfg.Dev).String(), "--dev"}
		if cfg.Key == "" {
			found["key"] = holds{"(temporary)", "--dev"}
			found["salt"] = found["key"]
		}
	}
	memoryInForce(cfg, found)
	diskInForce(cfg, found)
	return found
}

func memoryInForce(cfg *config.Serve, found map[string]holds) {
	limit, from, err := memory.FindLimit(int64(cfg.MemoryLimit))
	if err != nil {
		return
	}
	if from == "--memory-limit" {
		from = ""
	}
	found["memory-limit"] = holds{formatSize(limit), from}
	plan, err := makePlan(cfg)
	if err != nil {
		return
	}
	if cfg.Workers == 0 {
		found["workers"] = holds{strconv.Itoa(plan.Workers), "one per processor, as far as the memory limit allows"}
	}
	if cfg.CacheMemory == config.CacheShare {
		found["cache-memory"] = holds{formatSize(plan.Cache), "a share of the memory limit"}
	}
}

func diskInForce(cfg *config.Serve, found map[string]holds) {
	own := func(set string) string {
		if cfg.Dev && set == "" {
			return "--dev"
		}
		return ""
	}
	switch dir, err := cfg.CacheFolder(); {
	case err != nil:
	case dir == "":
		found["cache-dir"] = holds{"none", "cache-disk is off"}
	default:
		found["cache-dir"] = holds{dir, own(cfg.CacheDir)}
	}
	if dir, err := cfg.StateFolder(); err == nil {
		found["state-dir"] = holds{dir, own(cfg.StateDir)}
	}
	_, sources := cfg.DiskShares()
	switch {
	case cfg.CacheDisk == config.CacheOff:
		found["cache-sources"] = holds{"off", "cache-disk is off"}
	case cfg.CacheSources == config.CacheShare:
		found["cache-sources"] = holds{formatSize(sources), "half of cache-disk"}
	case sources < int64(cfg.CacheSources):
		found["cache-sources"] = holds{formatSize(sources), "all of cache-disk"}
	}
}

// formatSize is for people, as the memory plan in the log has it.
func formatSize(n int64) string {
	value, unit := float64(n)/(1<<20), "MiB"
	if n >= 10<<30 {
		value, unit = value/1024, "GiB"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + unit
}
