// The API's types by short names.
import type { components } from "../gen/api";

type Schemas = components["schemas"];
export type Cluster = Schemas["Cluster"];
export type ClusterNode = Schemas["Node"];
export type Device = ClusterNode["devices"][number];
export type Link = ClusterNode["links"][number];
export type Served = Schemas["ServedModel"];
export type Plan = Schemas["Plan"];
export type Stage = Plan["stages"][number];
export type LibraryModel = Schemas["LibraryModel"];
export type ModelEntry = Schemas["Model"];
export type PlanRequest = Schemas["PlanRequest"];
export type PlanPreview = Schemas["PlanPreview"];
export type PreviewPlan = Schemas["PreviewPlan"];
export type Pairing = Schemas["Pairing"];
export type Finding = Schemas["Finding"];
export type Key = Schemas["Key"];
export type Session = Schemas["Session"];
export type MadeKey = Schemas["MadeKey"];
export type Telemetry = Schemas["Telemetry"];
export type TelemetrySubject = Schemas["Subject"];
export type Alert = Schemas["Alerts"]["alerts"][number];
export type LinkPast = Schemas["LinkPast"];
export type RecentEvent = Schemas["RecentEvent"];
export type RecentRequest = Schemas["RecentRequest"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditReport = Schemas["AuditReport"];
