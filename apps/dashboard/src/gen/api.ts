// Made from docs/openapi.yaml by `npm run types`.
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page for people; a line of text for clients that do not ask for HTML */
        get: operations["page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/assets/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A file of the page */
        get: operations["asset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This description */
        get: operations["description"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether requests are answered now */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The cluster as this node knows it */
        get: operations["cluster"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The cluster and its changes
         * @description Server-sent events. The first, `snapshot`, has the object of /v1/cluster; each `change` after it a JSON patch
         *     (RFC 6902) of what the client has then. Comments keep the connection open. A client that connects again begins
         *     with a snapshot.
         */
        get: operations["clusterEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keeps plans away from a node's devices, or lets them be used again */
        post: operations["drain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/telemetry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the sensors of all nodes and devices read, and what they read before */
        get: operations["telemetry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/telemetry/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same as it changes, and alerts
         * @description Server-sent events, every 0.5 s: `telemetry` with the object of /v1/telemetry, the first with the history; `alerts` with
         *     that of /v1/alerts, first and when they change.
         */
        get: operations["telemetryStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is wrong in the cluster, why, and what to do */
        get: operations["alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What this node knows of itself, for Prometheus */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/pairing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Shows a code with which a device joins, or approves the code that a device shows
         * @description A device that joins becomes a full member. So this is for clients on the node's machine, and for those with an API
         *     key where keys are needed; others get status 403. One code holds at a time, for two minutes and one guess.
         */
        post: operations["pair"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/pairing/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        /** What became of a code */
        get: operations["pairing"];
        put?: never;
        post?: never;
        /** Ends a code */
        delete: operations["withdrawPairing"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/cluster/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Why devices do not find each other, as this node sees it
         * @description Takes some seconds. For the clients that may pair devices.
         */
        get: operations["doctor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** How a model of the library would be planned, without loading it */
        post: operations["plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What requests may name, loaded models first */
        get: operations["models"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["model"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Has the cluster load a model of its library; the list of models shows how that goes on */
        post: operations["load"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/models/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** As /v1/models/load */
        post: operations["loadAsLlamaCpp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Has the cluster serve a model no longer */
        post: operations["unload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/models/unload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** As /v1/models/unload */
        post: operations["unloadAsLlamaCpp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/chat/completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/completions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["completion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/embeddings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["embeddings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["response"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/responses/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        get: operations["storedResponse"];
        put?: never;
        post?: never;
        delete: operations["deleteResponse"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stream/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The answer's id */
                id: string;
            };
            cookie?: never;
        };
        /** What follows the bytes of a stream that a client has, at any node */
        get: operations["takeUpStream"];
        put?: never;
        post?: never;
        /** Stops the answer */
        delete: operations["stopStream"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["messages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/messages/count_tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["countTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/chat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["ollamaChat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/generate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["ollamaGenerate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["ollamaTags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["ollamaLoaded"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["ollamaShow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["ollamaVersion"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pull": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Fetches a model from a hub into this node's models folder */
        post: operations["ollamaPull"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported */
        post: operations["ollamaPush"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/create": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported */
        post: operations["ollamaCreate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/copy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Not supported */
        post: operations["ollamaCopy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Not supported */
        delete: operations["ollamaDelete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/embed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["ollamaEmbed"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/embeddings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["ollamaEmbeddings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokenize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["tokenize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/detokenize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["detokenize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tokenizer_info": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["tokenizerInfo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/apply-template": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["applyTemplate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/props": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["props"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/completion": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["llamaCompletion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/embedding": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["llamaEmbedding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/embeddings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** As /embedding */
        post: operations["llamaEmbeddings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/infill": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["infill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Done: {
            /** @constant */
            status: "ok";
        };
        Success: {
            /** @constant */
            success: true;
        };
        /** @description The machine of a node or one of its devices; a metric that nothing measures is absent */
        Subject: {
            id: string;
            name: string;
            /** @enum {unknown} */
            kind: "machine" | "cpu" | "integrated" | "discrete";
            backend?: string;
            /** @description What it can measure */
            metrics: string[];
            temperature_limit_c?: number;
            memory_used_bytes?: number;
            memory_total_bytes?: number;
            utilization?: number;
            power_w?: number;
            temperature_c?: number;
            clock_mhz?: number;
            throttling?: ("heat" | "power" | "brake")[];
            fan?: number;
            shard_bytes?: number;
            charge?: number;
            on_battery?: boolean;
            cache_free_bytes?: number;
            /** @description Of a device */
            suitability?: number;
            history?: {
                [key: string]: (number | boolean | null)[];
            };
        };
        Telemetry: {
            /** @constant */
            version: 1;
            /** @description Whether this node gets the telemetry of all others */
            complete: boolean;
            /** @enum {unknown} */
            step_s: 0.5 | 10;
            nodes: {
                id: string;
                name: string;
                age_s: number;
                clock_offset_s?: number;
                machine?: components["schemas"]["Subject"];
                devices: components["schemas"]["Subject"][];
            }[];
            ranking: {
                node: string;
                device: string;
                suitability: number;
                memory_free_bytes?: number;
            }[];
        };
        Alerts: {
            alerts: {
                name: string;
                /** @enum {unknown} */
                severity: "info" | "warning" | "critical";
                since_unix_s: number;
                node: string | null;
                subject: string | null;
                summary: string;
                cause: string;
                remedy: string;
            }[];
        };
        Error: {
            error: {
                message: string;
                type: string;
                param: string | null;
                code: string | null;
                queue?: {
                    position: number;
                    own_requests: number;
                    estimated_wait_s: number | null;
                };
            };
        };
        Pairing: {
            code: string;
            /**
             * @description wrong: a guess failed, and the code is used up
             * @enum {string}
             */
            state: "waiting" | "paired" | "wrong" | "expired" | "withdrawn";
            /** @description The name of the device that was admitted */
            newcomer: string | null;
        };
        Finding: {
            /** @enum {string} */
            level: "ok" | "note" | "problem";
            check: string;
            what: string;
            remedy: string | null;
        };
        Model: {
            id: string;
            /** @constant */
            object: "model";
            created: number;
            owned_by: string;
            max_model_len: number;
            /** @constant */
            type: "model";
            display_name: string;
            created_at: string;
            status: {
                /** @enum {string} */
                value: "loaded" | "loading" | "unloaded";
                /** @description It could not be loaded */
                failed?: boolean;
                reason?: string;
            };
            predicted: components["schemas"]["PredictedRun"];
        };
        Predicted: {
            first_token_s: number;
            /** @description Of one sequence */
            tokens_per_s_alone: number;
            /** @description Of all sequences together */
            tokens_per_s_parallel: number;
        };
        UnusedDevice: {
            node: string;
            device: string;
            constraint: string;
            reason: string;
        };
        PlanRequest: {
            model: string;
            context?: number;
            parallel?: number;
            /** @enum {string} */
            objective?: "latency" | "throughput" | "first-token";
            /** @description Assigned by hand: desk/cpu:0-11,laptop/cpu:12-23, both ends included; empty: planned */
            layers?: string;
            /** @description Devices that are not to be used */
            without?: string[];
            devices_min?: number;
        };
        PreviewPlan: {
            stages: {
                node: string;
                device: string;
                layer_begin: number;
                /** @description The first layer behind them */
                layer_end: number;
                weights_bytes: number;
                cache_bytes: number;
                compute_bytes: number;
                /** @description For one token of one sequence */
                decode_s: number;
                /** @description To the next stage */
                hop_s: number;
            }[];
            predicted: components["schemas"]["Predicted"];
        };
        PlanPreview: {
            model: string;
            layers: number;
            context: number;
            pool: number;
            parallel: number;
            /** @enum {string} */
            objective: "latency" | "throughput" | "first-token";
            /** @description No other plan is better by the cost model */
            proven_best: boolean;
            /** @description Models that would be unloaded for it */
            makes_room: string[];
            plan: components["schemas"]["PreviewPlan"];
            alternatives: {
                name: string;
                plan: components["schemas"]["PreviewPlan"] | null;
                /** @description Why there is no such plan */
                reason: string | null;
            }[];
            unused_devices: components["schemas"]["UnusedDevice"][];
        };
        Plan: {
            /** @description Grows with every plan */
            epoch: number;
            /** @description In the order in which a token passes them */
            stages: {
                node: string;
                device: string;
                layer_begin: number;
                layer_end: number;
                memory_bytes: number;
                /** @enum {string} */
                status: "waiting" | "fetching" | "loading" | "ready" | "failed";
                activity: string | null;
                done_bytes: number | null;
                total_bytes: number | null;
            }[];
            context: number;
            pool: number;
            parallel: number;
            activations: string;
            predicted: components["schemas"]["Predicted"];
            unused_devices: components["schemas"]["UnusedDevice"][];
        };
        Live: {
            requests: number;
            waiting_requests: number;
            tokens_per_s: number;
            computed_tokens_per_s: number;
            replayed_tokens: number;
            stage_step_s: number[];
        };
        MaybePlan: components["schemas"]["Plan"] | null;
        MaybeLive: components["schemas"]["Live"] | null;
        ServedModel: {
            model: string;
            content: string;
            pinned: boolean;
            keep_loaded_s: number;
            used_at_unix_s: number | null;
            serving: boolean;
            serving_since_unix_s: number | null;
            not_serving_reason: string | null;
            plan: components["schemas"]["MaybePlan"];
            live: components["schemas"]["MaybeLive"];
        };
        /** @description How fast the devices would run a model, by the planner; or the reason why they cannot */
        PredictedRun: null | {
            reason: string;
        } | {
            first_token_s: number;
            tokens_per_s_alone: number;
            tokens_per_s_parallel: number;
            devices: string[];
        };
        Pull: {
            source: string;
            node: string;
            file: number;
            files: number;
            done_bytes: number;
            total_bytes: number;
        };
        LibraryModel: {
            model: string;
            content: string | null;
            nodes: string[];
            bytes: number;
            architecture: string | null;
            quantisation: string | null;
            layers: number;
            parameters: number;
            context: number;
            abilities: ("chat" | "tools" | "thinking" | "embeddings" | "infill")[];
            predicted: components["schemas"]["PredictedRun"];
        };
        Node: {
            id: string;
            /** @description Unique in the cluster */
            name: string;
            leader: boolean;
            online: boolean;
            offline_reason: string | null;
            draining: boolean;
            on_battery: boolean;
            battery: null | {
                charge_percent: number;
                discharging: boolean;
                low: boolean;
            };
            load_percent: number | null;
            /** @enum {string} */
            memory_pressure: "none" | "spare" | "cached" | "layers";
            memory_max_bytes: number | null;
            wired: boolean;
            version: string;
            api_url: string | null;
            devices: {
                id: string;
                name: string;
                /** @enum {string} */
                kind: "discrete" | "integrated" | "cpu";
                /** @description Without any part of a model */
                memory_free_bytes: number;
                load_percent: number | null;
                temperature_c: number | null;
                /** @enum {string|null} */
                heat: "normal" | "hot" | "critical" | null;
                speed_percent: number | null;
                failure: string | null;
            }[];
            shards: {
                device: string;
                model: string;
                content: string;
                layer_begin: number;
                layer_end: number;
            }[];
            links: {
                to: string;
                delay_s: number;
                jitter_s: number;
                loss: number;
                bytes_per_s: number | null;
                avoided: boolean;
            }[];
        };
        /** @description The fields model, content, serving, not_serving_reason, plan and live are those of the first of models */
        Cluster: {
            /** @description The name of the node that answers */
            node: string | null;
            model: string | null;
            content: string | null;
            serving: boolean;
            not_serving_reason: string | null;
            models: components["schemas"]["ServedModel"][];
            library: components["schemas"]["LibraryModel"][];
            /** @description Models that nodes fetch from a hub now */
            pulls: components["schemas"]["Pull"][];
            model_file_error: string | null;
            identity_conflicts: {
                node: string;
                source: string;
                refused_at_unix_s: number;
            }[];
            leader: string | null;
            no_leader_reason: string | null;
            term: number;
            index: number;
            nodes: components["schemas"]["Node"][];
            plan: components["schemas"]["MaybePlan"];
            live: components["schemas"]["MaybeLive"];
            weights: {
                sent_bytes: number;
                received_bytes: number;
            };
        };
        ChatRequest: {
            model?: string;
            messages: {
                role: string;
                content?: unknown;
            }[];
            stream?: boolean;
            max_tokens?: number | null;
            temperature?: number | null;
            top_p?: number | null;
            seed?: number | null;
            /** @description How long the answer goes on and is kept without its client */
            linger_s?: number;
            /** @description How long the request waits while its model cannot be served */
            wait_s?: number;
            /** @enum {string} */
            truncation?: "auto" | "disabled";
        };
        ChatCompletion: {
            id: string;
            /** @constant */
            object: "chat.completion";
            created: number;
            model: string;
            choices: {
                index: number;
                message: {
                    /** @constant */
                    role: "assistant";
                    content?: string | null;
                    reasoning_content?: string;
                    tool_calls?: unknown[];
                };
                /** @enum {string} */
                finish_reason: "stop" | "length" | "tool_calls" | "content_filter";
            }[];
            usage: {
                prompt_tokens: number;
                completion_tokens: number;
                total_tokens: number;
            };
        };
    };
    responses: {
        /** @description What is wrong and what to do */
        Error: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description What is wrong */
        AnthropicError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": {
                    /** @constant */
                    type: "error";
                };
            };
        };
        /** @description What is wrong */
        OllamaError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": {
                    error: string;
                };
            };
        };
    };
    parameters: never;
    requestBodies: {
        Ollama: {
            content: {
                "application/json": {
                    model?: string;
                    stream?: boolean;
                };
            };
        };
        LlamaCpp: {
            content: {
                "application/json": {
                    model?: string;
                };
            };
        };
    };
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    page: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "text/plain": string;
                };
            };
            /** @description The client has it (If-None-Match) */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    asset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": unknown;
                };
            };
            /** @description The client has it (If-None-Match) */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: components["responses"]["Error"];
        };
    };
    description: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description The client has it (If-None-Match) */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They are */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            503: components["responses"]["Error"];
        };
    };
    version: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the program */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        version: string;
                    };
                };
            };
        };
    };
    cluster: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cluster */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            401: components["responses"]["Error"];
        };
    };
    clusterEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events until the client goes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            401: components["responses"]["Error"];
        };
    };
    drain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Its name or id */
                    node: string;
                    /** @default true */
                    draining?: boolean;
                };
            };
        };
        responses: {
            /** @description It takes effect soon */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    telemetry: {
        parameters: {
            query?: {
                /** @description Seconds of history of each subject */
                history_s?: number;
                /** @description Between values of the history */
                step_s?: 0.5 | 10;
                /** @description Only devices with so much memory free are ranked */
                memory_bytes?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The telemetry */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Telemetry"];
                };
            };
            400: components["responses"]["Error"];
            401: components["responses"]["Error"];
        };
    };
    telemetryStream: {
        parameters: {
            query?: {
                /** @description Seconds of history of each subject */
                history_s?: number;
                /** @description Between values of the history */
                step_s?: 0.5 | 10;
                /** @description Only devices with so much memory free are ranked */
                memory_bytes?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events until the client goes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
            401: components["responses"]["Error"];
        };
    };
    alerts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The alerts that hold */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alerts"];
                };
            };
            401: components["responses"]["Error"];
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The text format of Prometheus */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            401: components["responses"]["Error"];
        };
    };
    pair: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    /** @description Six digits that the newcomer shows; without it a code is made */
                    code?: string;
                };
            };
        };
        responses: {
            /** @description The code */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pairing"];
                };
            };
            400: components["responses"]["Error"];
            403: components["responses"]["Error"];
            429: components["responses"]["Error"];
        };
    };
    pairing: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The code */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pairing"];
                };
            };
            400: components["responses"]["Error"];
            403: components["responses"]["Error"];
        };
    };
    withdrawPairing: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The code */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pairing"];
                };
            };
            400: components["responses"]["Error"];
            403: components["responses"]["Error"];
        };
    };
    doctor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Findings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        findings: components["schemas"]["Finding"][];
                    };
                };
            };
            403: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    plan: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlanRequest"];
            };
        };
        responses: {
            /** @description The prediction */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanPreview"];
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
            409: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    models: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "list";
                        data: components["schemas"]["Model"][];
                        has_more: boolean;
                        first_id: string | null;
                        last_id: string | null;
                    };
                };
            };
            401: components["responses"]["Error"];
        };
    };
    model: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A model */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Model"];
                };
            };
            404: components["responses"]["Error"];
        };
    };
    load: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model: string;
                    /**
                     * @description It is not unloaded to make room for another
                     * @default false
                     */
                    pinned?: boolean;
                    context?: number;
                    parallel?: number;
                    keep_loaded_s?: number;
                };
            };
        };
        responses: {
            /** @description It begins */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    loadAsLlamaCpp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model: string;
                };
            };
        };
        responses: {
            /** @description It begins */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            404: components["responses"]["Error"];
        };
    };
    unload: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model: string;
                };
            };
        };
        responses: {
            /** @description It takes effect soon */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
        };
    };
    unloadAsLlamaCpp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model: string;
                };
            };
        };
        responses: {
            /** @description It takes effect soon */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Success"];
                };
            };
            404: components["responses"]["Error"];
        };
    };
    chat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChatRequest"];
            };
        };
        responses: {
            /** @description An answer; with `stream` events that end with `[DONE]` */
            200: {
                headers: {
                    /** @description Of a stream that lingers */
                    "X-Stream-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChatCompletion"];
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
            429: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    completion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model?: string;
                    prompt: unknown;
                    suffix?: string;
                    max_tokens?: number;
                    stream?: boolean;
                };
            };
        };
        responses: {
            /** @description A text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "text_completion";
                        choices: Record<string, never>[];
                    };
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    embeddings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model?: string;
                    input: unknown;
                    dimensions?: number;
                };
            };
        };
        responses: {
            /** @description Vectors */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    response: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model?: string;
                    input: unknown;
                    previous_response_id?: string;
                    stream?: boolean;
                };
            };
        };
        responses: {
            /** @description A response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        object: "response";
                    };
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    storedResponse: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A response that this node keeps */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            404: components["responses"]["Error"];
        };
    };
    deleteResponse: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            404: components["responses"]["Error"];
        };
    };
    takeUpStream: {
        parameters: {
            query?: {
                /** @description Bytes that the client has */
                from?: number;
            };
            header?: never;
            path: {
                /** @description The answer's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rest */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
        };
    };
    stopStream: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The answer's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is stopped */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            400: components["responses"]["Error"];
            404: components["responses"]["Error"];
        };
    };
    messages: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    model?: string;
                    messages: unknown[];
                    max_tokens?: number;
                    stream?: boolean;
                };
            };
        };
        responses: {
            /** @description A message */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        type: "message";
                    };
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["AnthropicError"];
        };
    };
    countTokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description A number */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        input_tokens: number;
                    };
                };
            };
            400: components["responses"]["AnthropicError"];
        };
    };
    ollamaChat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description Lines; with `stream` false one object */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["OllamaError"];
        };
    };
    ollamaGenerate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description Lines; with `stream` false one object */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["OllamaError"];
        };
    };
    ollamaTags: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Models */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        models: unknown[];
                    };
                };
            };
        };
    };
    ollamaLoaded: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Loaded models */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        models: unknown[];
                    };
                };
            };
        };
    };
    ollamaShow: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description A model */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            404: components["responses"]["OllamaError"];
        };
    };
    ollamaVersion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the program */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
        };
    };
    ollamaPull: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description Lines of progress, the last one an error or success */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                    "application/x-ndjson": string;
                };
            };
            400: components["responses"]["OllamaError"];
            404: components["responses"]["OllamaError"];
            500: components["responses"]["OllamaError"];
            501: components["responses"]["OllamaError"];
            503: components["responses"]["OllamaError"];
        };
    };
    ollamaPush: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            501: components["responses"]["OllamaError"];
        };
    };
    ollamaCreate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            501: components["responses"]["OllamaError"];
        };
    };
    ollamaCopy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            501: components["responses"]["OllamaError"];
        };
    };
    ollamaDelete: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            501: components["responses"]["OllamaError"];
        };
    };
    ollamaEmbed: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description Vectors */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["OllamaError"];
        };
    };
    ollamaEmbeddings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Ollama"];
        responses: {
            /** @description A vector */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["OllamaError"];
        };
    };
    tokenize: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description Tokens */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        tokens: unknown[];
                    };
                };
            };
            400: components["responses"]["Error"];
        };
    };
    detokenize: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description A text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    tokenizerInfo: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the first model */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            404: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    applyTemplate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description The prompt */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    props: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the server */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            404: components["responses"]["Error"];
            503: components["responses"]["Error"];
        };
    };
    llamaCompletion: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description A text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
        };
    };
    llamaEmbedding: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description Vectors */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown[];
                };
            };
            400: components["responses"]["Error"];
        };
    };
    llamaEmbeddings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description Vectors */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown[];
                };
            };
            400: components["responses"]["Error"];
        };
    };
    infill: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: components["requestBodies"]["LlamaCpp"];
        responses: {
            /** @description A text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Error"];
        };
    };
}
