/** Two drive groups, as `ceph orch apply osd -i` reads them: fast devices of one host, slow ones with a db of another. */
export const DRIVE_GROUPS = `service_type: osd
service_id: fast
placement:
  hosts:
  - h2
spec:
  data_devices:
    rotational: false
---
service_type: osd
service_id: slow
placement:
  host_pattern: h3
spec:
  data_devices:
    rotational: true
    limit: 2
  db_devices:
    paths:
    - /dev/sde
`;
