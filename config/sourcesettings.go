package config

// SourceSettings are the settings that say which sources there are and where they are.
type SourceSettings struct {
	OriginTable `embed:""`
	Hidden
	BaseURL        string   `name:"base-url" help:"Folder that sources without a scheme are in, such as https://photos.example.com/, with a slash at its end." placeholder:"URL/" group:"Sources" reload:"yes"`
	SourceAliases  string   `help:"Schemes of your own, as in photos=https://photos.example.com/p/: then photos://cat.jpg is a source. In the YAML file also a mapping." placeholder:"NAME=URL/,..." group:"Sources" reload:"yes"`
	RewriteSources string   `help:"Beginnings of sources and what stands in their place, as in https://old.example.com/=https://new.example.com/. The longest one counts. In the YAML file also a mapping." placeholder:"FROM/=TO/,..." group:"Sources" reload:"yes"`
	AllowSources   string   `help:"Sources that may be fetched, redirects included: HOST, *.DOMAIN or https://HOST:PORT/FOLDER/, and local:///FOLDER/. Default: all." placeholder:"RULE,..." group:"Sources" reload:"yes"`
	AllowNetworks  Prefixes `help:"Private networks (CIDR) or addresses that source images may be fetched from." placeholder:"CIDR,..." group:"Sources" reload:"yes"`
}

// AllowedSources are the rules of AllowSources, nil for all sources.
func (s *SourceSettings) AllowedSources() []string { return splitList(s.AllowSources) }

// Aliases are those of SourceAliases, by their names.
func (s *SourceSettings) Aliases() (map[string]string, error) {
	return namedTexts("--source-aliases", s.SourceAliases)
}

// Rewrites are those of RewriteSources, by what stands at the beginning of a source.
func (s *SourceSettings) Rewrites() (map[string]string, error) {
	return namedTexts("--rewrite-sources", s.RewriteSources)
}
