// Command envoy reads a configuration of Envoy from standard input and holds it against Envoy's API: an unknown field, a
// wrong type or a value out of its range is an error. It does not run it.
package main

import (
	"io"
	"log"
	"os"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	connection "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetFlags(0)
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		text, err = yaml.YAMLToJSONStrict(text)
	}
	config := &bootstrap.Bootstrap{}
	if err == nil {
		err = protojson.Unmarshal(text, config)
	}
	if err == nil {
		err = config.ValidateAll()
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range config.GetStaticResources().GetListeners() {
		for _, chain := range l.GetFilterChains() {
			for _, f := range chain.GetFilters() {
				if err := checkFilter(f.GetTypedConfig()); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
}

// checkFilter checks what Envoy keeps packed: the API checks nothing in it.
func checkFilter(packed *anypb.Any) error {
	manager := &connection.HttpConnectionManager{}
	if err := packed.UnmarshalTo(manager); err != nil {
		return err
	}
	if err := manager.ValidateAll(); err != nil {
		return err
	}
	for _, f := range manager.GetHttpFilters() {
		if err := f.GetTypedConfig().UnmarshalTo(&router.Router{}); err != nil {
			return err
		}
	}
	return nil
}
